"""Log-likelihoods from llama-server: it ignores `echo`, but tells the raw log-probability of a token that it is made
to write (`logit_bias`), at the price of one request a token.

What it tells is log-softmax of the logits, before bias, grammar and samplers.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.protocol import Ids, Observer, Score, ScoreRequest, Unobserved
from benchtui.worker.not_a_number import NotANumberError

Post = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Sends a body to a path of the server and gives the JSON that it answers."""
Known = Score | UnansweredError
"""What is known of an ending, or of one token of it: its score, or why it has none."""

ROUTE = "completion"
_BIAS = 1000
_CHOICES = 1000
"""Tokens that are told of where several endings part; a whole vocabulary would be megabytes."""
_TOLERANCE = 0.02
"""Nats by which one number may differ when it is asked for twice."""
_NEVER = -1e30
"""The server writes the least float32 (-3.4e38) where a probability is too small for one (below exp(-103))."""
_READINGS = 3
"""How often the tokens before a place are read in all where the server loses them meanwhile."""


class _LostTokensError(Exception):
    """The server had to compute more than the last token of a prompt: it no longer had the others."""


@dataclass(frozen=True)
class Asked:
    """What every request for log-probabilities has in common.

    `vocabulary` is the number of tokens. `whole` is a token that is a text by itself: the server tells nothing of an
    answer that ends inside a character. `lora` is sent where the server has adapters: it keeps prompts read with
    one adapter for another, so that nothing it kept may be used then.
    """

    vocabulary: int
    whole: int
    lora: tuple[Mapping[str, Any], ...] = ()

    def body(self, prompt: Ids, token: int, count: int, *, keep: bool, slot: int) -> dict[str, Any]:
        """The request for the `count` likeliest tokens after `prompt`, with `token` written. `keep` lets the server
        continue from what its slot holds of the prompt."""
        adapters = {"lora": [dict(one) for one in self.lora]} if self.lora else {}
        return {
            "prompt": list(prompt),
            "n_predict": 1,
            "n_probs": count,
            "temperature": 0,
            "samplers": ["temperature"],
            "logit_bias": [[token, _BIAS]],
            "ignore_eos": False,
            "grammar": "",
            "stream": False,
            "return_tokens": True,
            "post_sampling_probs": False,
            "backend_sampling": False,
            "cache_prompt": keep and not self.lora,
            "id_slot": slot,
            **adapters,
        }


@dataclass(frozen=True)
class Told:
    """What the server said of the place after a prompt: log-probabilities by token, the likeliest one, and how many
    tokens it computed (None where it does not say it) in how many seconds. `written` is the token that it wrote.

    An answer that ends inside a character tells no log-probabilities: `best` and `written` are None then."""

    logprobs: Mapping[int, float]
    best: int | None
    written: int | None
    computed: int | None
    seconds: float

    def score(self, token: int, server: str) -> Known:
        """The score of one token that is told of."""
        value = self.logprobs[token]
        if value < _NEVER:
            return UnansweredError(f"token {token} is too improbable for {server} to tell its log-probability")
        return Score(value, token == self.best)


def read(answer: Any, prompt: Ids, server: str) -> Told:
    """What an answer tells.

    Raises UnansweredError where the server read another number of tokens than it was sent, or the answer has another
    form than that of llama-server, NotANumberError where a log-probability is none (JSON has null for NaN).
    """
    try:
        written, evaluated = [int(token) for token in answer["tokens"]], int(answer["tokens_evaluated"])
        timings = answer.get("timings") or {}
        seconds = float(timings.get("prompt_ms", 0)) / 1000
        computed = int(timings["prompt_n"]) if "prompt_n" in timings else None
        places = answer.get("completion_probabilities") or []
        if evaluated != len(prompt) or answer.get("truncated"):
            raise UnansweredError(f"{server} read {evaluated} tokens of a prompt of {len(prompt)}")
        if not places:
            return Told({}, None, None, computed, seconds)
        entry = places[0]
        listed = [(int(one["id"]), one["logprob"]) for one in entry["top_logprobs"]]
        told = dict([*listed, (int(entry["id"]), entry["logprob"])])
        if len(written) != 1 or len(places) != 1 or int(entry["id"]) != written[0]:
            raise UnansweredError(f"{server} wrote {len(written)} tokens where one was asked for")
        if any(value is None for value in told.values()):
            raise NotANumberError
        values = {token: float(value) for token, value in told.items()}
        return Told(values, listed[0][0], written[0], computed, seconds)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise UnansweredError(f"{server} answers in another form than llama-server: {one_line(str(answer))}") from error


@dataclass
class _Place:
    """A place in endings that begin alike: the tokens that stand there, and which endings are complete before them."""

    following: dict[int, _Place] = field(default_factory=dict)
    complete: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Endings of one context: their places among the requests, and the places where a token must be told."""

    context: tuple[int, ...]
    members: tuple[int, ...]
    root: _Place

    @property
    def requests(self) -> int:
        """How many requests to the server are expected."""
        return int(len(self.context) > 1) + sum(1 for place in _all(self.root) if place.following)


def grouped(requests: Sequence[ScoreRequest]) -> list[Group]:
    """Bring together the requests of one context, in the order of the first of each."""
    found: dict[tuple[int, ...], list[int]] = {}
    for index, request in enumerate(requests):
        found.setdefault(tuple(request.context[request.lost :]), []).append(index)
    groups = []
    for context, members in found.items():
        root = _Place()
        for index in members:
            place = root
            for token in requests[index].continuation:
                place = place.following.setdefault(int(token), _Place())
            place.complete.append(index)
        groups.append(Group(context, tuple(members), root))
    return groups


def _all(root: _Place) -> Iterator[_Place]:
    waiting = [root]
    while waiting:
        place = waiting.pop()
        yield place
        waiting += place.following.values()


class ForcedTokens:
    """Asks one server, group by group."""

    def __init__(self, post: Post, asked: Asked, server: str) -> None:
        self._post = post
        self._asked = asked
        self._server = server
        self.in_characters = 0
        """Tokens that are a part of a character: the whole vocabulary was asked for to know their log-probability."""

    async def prove(self, prompt: Ids) -> None:
        """Raise BenchtuiError where the server's numbers are not the model's: a token must have the same one whether it
        is forced or another is, asked again after another prompt as well, and all of them together no more than 1."""
        count = min(_CHOICES, self._asked.vocabulary)
        seen = []
        for tokens in (prompt, [*prompt, self._asked.whole], prompt):
            told = await self._tell(tokens, self._asked.whole, count, 0, Unobserved(), keep=False)
            seen.append(told.logprobs)
        first, _, again = seen
        likely = sorted(first, key=first.__getitem__, reverse=True)[1:4]
        if not likely or len(set(first.values())) == 1:
            raise self._unproven("it tells no log-probabilities, or one number for all tokens")
        if sum(math.exp(value) for value in first.values()) > 1 + _TOLERANCE:
            raise self._unproven("probabilities sum up to more than 1")
        if any(abs(first[token] - again.get(token, 1.0)) > _TOLERANCE for token in likely):
            raise self._unproven("log-probabilities depend on the request order")
        for token in likely:
            told = await self._tell(prompt, token, 1, 0, Unobserved(), keep=False)
            if told.logprobs and abs(told.logprobs[token] - first[token]) > _TOLERANCE:
                raise self._unproven("forcing a token changes the log-probability that is told of it")

    def _unproven(self, why: str) -> BenchtuiError:
        return BenchtuiError(
            f"{self._server} gives no log-likelihoods that can be believed: {why}.",
            "Use --backend gguf, which reads the model's file itself, or tasks that generate text.",
        )

    async def score(self, group: Group, slot: int, answered: Callable[[int, Known], None], observer: Observer) -> None:
        """Tell every ending of the group as soon as it is known; what has no score is told with the reason.

        The context is read anew, and then in steps of one token, so that a score depends on the context and the ending
        alone, not on what the server was asked before: a quantised model's numbers change with the tokens that are
        computed together.
        """
        at_once = len(group.context) - 1  # all but its last token: that one is a step of its own for every ending
        if at_once:
            await self._read_anew(group.context[:at_once], at_once, slot, observer)
        # Depth first: the server's slot then holds most of the next prompt.
        waiting: list[tuple[tuple[int, ...], _Place, Known]] = [((), group.root, Score(0.0, True))]
        while waiting:
            path, place, known = waiting.pop()
            for index in place.complete:
                answered(index, known)
            if not place.following:
                continue
            tokens = list(place.following)
            if isinstance(known, Score):
                told = await self._following((*group.context, *path), at_once, tokens, slot, observer)
            else:
                told = dict.fromkeys(tokens, known)
            waiting += [
                ((*path, token), after, _extended(known, told[token]))
                for token, after in reversed(place.following.items())
            ]

    async def _following(
        self, prompt: Ids, at_once: int, tokens: Sequence[int], slot: int, observer: Observer
    ) -> dict[int, Known]:
        """What the server says of each of `tokens` after `prompt`, whose first `at_once` tokens were read together."""
        found: dict[int, Known] = {}

        async def look(token: int, count: int, sought: Sequence[int]) -> None:
            told = await self._after(prompt, at_once, token, count, slot, observer)
            found.update({one: told.score(one, self._server) for one in sought if one in told.logprobs})

        try:
            if len(tokens) > 1:
                await look(self._asked.whole, min(_CHOICES, self._asked.vocabulary), tokens)
            for token in [token for token in tokens if token not in found]:
                await look(token, 1, [token])
            parts = [token for token in tokens if token not in found]
            if parts:
                self.in_characters += len(parts)
                await look(self._asked.whole, self._asked.vocabulary, parts)
        except UnansweredError as error:
            found = {**dict.fromkeys(tokens, error), **found}
        return {token: found.get(token) or _untold(self._server, token) for token in tokens}

    async def everything(self, prompt: Ids, observer: Observer) -> Mapping[int, float]:
        """The log-probability of every token after `prompt`. Raises UnansweredError where some are missing."""
        count = self._asked.vocabulary
        told = await self._tell(prompt, self._asked.whole, count, 0, observer, keep=len(prompt) > 1)
        if len(told.logprobs) != count:
            raise UnansweredError(f"{self._server} tells {len(told.logprobs)} of {count} tokens")
        return told.logprobs

    async def _after(self, prompt: Ids, at_once: int, token: int, count: int, slot: int, observer: Observer) -> Told:
        """What is told after `prompt`, all of which but the last token the slot has from before. A server that lost
        them, started again or asked by somebody else, would compute the whole prompt at once: then they are read
        again as they were. Raises UnansweredError where that does not help."""
        for reading in range(_READINGS):
            try:
                if reading:
                    await self._read_anew(prompt[:-1], at_once, slot, observer)
                return await self._step(prompt, token, count, slot, observer)
            except _LostTokensError:
                continue
        raise UnansweredError(
            f"{self._server} lost what it had read, {_READINGS} times: somebody else asks it meanwhile, or it keeps no "
            "prompt"
        )

    async def _read_anew(self, prompt: Ids, at_once: int, slot: int, observer: Observer) -> None:
        """Have the slot read `prompt`: its first `at_once` tokens together, the others one by one."""
        first = max(at_once, 1)
        await self._tell(prompt[:first], self._asked.whole, 1, slot, observer, keep=False)
        for end in range(first + 1, len(prompt) + 1):
            await self._step(prompt[:end], self._asked.whole, 1, slot, observer)

    async def _step(self, prompt: Ids, token: int, count: int, slot: int, observer: Observer) -> Told:
        """Ask for what follows `prompt`, of which one token is to be computed. Raises _LostTokensError where it was
        more."""
        keep = len(prompt) > 1
        told = await self._tell(prompt, token, count, slot, observer, keep=keep)
        if keep and not self._asked.lora and told.computed is not None and told.computed > 1:
            raise _LostTokensError
        return told

    async def _tell(self, prompt: Ids, token: int, count: int, slot: int, observer: Observer, *, keep: bool) -> Told:
        answer = await self._post(ROUTE, self._asked.body(prompt, token, count, keep=keep, slot=slot))
        told = read(answer, prompt, self._server)
        if told.written not in (token, None):
            raise BenchtuiError(
                f"{self._server} wrote token {told.written} where {token} was forced: it does not follow logit_bias.",
                "Use --backend gguf, which reads the model's file itself.",
            )
        computed = told.computed or (1 if keep else len(prompt))
        observer.tokens(computed)
        if computed > 1 and told.seconds > 0:  # steps of one token say nothing of a prompt
            observer.prefilled(computed, told.seconds)
        return told


def _extended(known: Known, token: Known) -> Known:
    if isinstance(known, Score) and isinstance(token, Score):
        return Score(known.loglikelihood + token.loglikelihood, known.greedy and token.greedy)
    return token if isinstance(known, Score) else known


def _untold(server: str, token: int) -> UnansweredError:
    return UnansweredError(f"{server} tells no log-probability of token {token}")
