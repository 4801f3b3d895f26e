"""The likeliest tokens at every place of a text from a server, one request a text: vLLM by `prompt_logprobs`, SGLang by
/generate. Sources: vLLM 0.32 (completion protocol), SGLang 0.5.23 (io_struct.py, tokenizer_manager.py).

What they tell is believed after `prove` alone, and only at temperature 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import RefusedError, UnansweredError
from benchtui.worker.answering.next_token import TopLogProbs
from benchtui.worker.answering.openai.probe import SENTENCE, TEMPERED, TOLERANCE, refusal
from benchtui.worker.answering.openai.scoring import Scorer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.openai.sglang_scores import ROUTE, generate_body
from benchtui.worker.answering.openai.vllm_scores import LOWEST
from benchtui.worker.answering.protocol import GenerateRequest, Ids, Observer, ScoreRequest, Tokenizer
from benchtui.worker.answering.top_logprobs import ToldPlace, UntoldError, gathered

FEWER = 20
"""Tokens that are asked for where the server refuses more: vLLM's own limit (`--max-logprobs`)."""
_COLD = 0.5


@dataclass(frozen=True)
class Way:
    """How a product is asked: the route, the body for (ids, first, k, temperature), and what its answer says of the
    places `first` … `len(ids) - 1`. `more` is how its user allows more tokens."""

    route: str
    body: Callable[[str, Ids, int, int, float], Mapping[str, Any]]
    read: Callable[[Any, Ids, int], list[ToldPlace]]
    more: str = ""


class Tops:
    """Reads the likeliest tokens from a server."""

    def __init__(self, server: Server, tokenizer: Tokenizer, scorer: Scorer, way: Way) -> None:
        self._server = server
        self._tokenizer = tokenizer
        self._scorer = scorer
        self._way = way
        self._allowed: dict[int, int] = {}

    def of(self, texts: Sequence[tuple[Ids, int]], k: int, observer: Observer) -> Iterator[tuple[int, TopLogProbs]]:
        """As `TopDistributions.top_logprobs`; the server's log-likelihoods are proved already."""
        name = self._server.address.name
        if k not in self._allowed:
            self._allowed[k] = self._server.run(self._proved(k))
        allowed = self._allowed[k]
        if allowed < k:
            observer.decision("likeliest tokens", str(allowed), f"{name} tells no more{self._way.more}")
        found: dict[int, TopLogProbs] = {}

        async def ask(text: tuple[Ids, int]) -> TopLogProbs:
            try:
                return await self._told(*text, allowed)
            except UnansweredError as error:
                what = f"{name} does not tell the likeliest tokens of a text of {len(text[0])} tokens: {error}."
                raise BenchtuiError(what, "Try again, or open the model's files with --backend hf.") from error

        def take(place: int, told: TopLogProbs) -> None:
            found[place] = told
            observer.tokens(len(texts[place][0]))

        nothing: tuple[ScoreRequest | GenerateRequest, ...] = ()
        self._server.ask_all(texts, ask, take, lambda _text: nothing, observer)
        yield from found.items()

    async def _told(self, ids: Ids, first: int, k: int, temperature: float = 1.0) -> TopLogProbs:
        body = self._way.body(self._server.model.name, ids, first, k, temperature)
        answer = await self._server.post(self._way.route, body)
        try:
            return gathered(ids[first:], first, self._way.read(answer, ids, first), k)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise UnansweredError("its answer has no likeliest tokens for each place") from error
        except UntoldError as error:
            raise UnansweredError(str(error)) from error

    async def _proved(self, k: int) -> int:
        """Return how many tokens the server tells. Raises BenchtuiError where they cannot be believed."""
        name, ids = self._server.address.name, self._tokenizer.encode([SENTENCE])[SENTENCE]
        try:
            warm = await self._told(ids, 1, k)
        except RefusedError as error:
            if k <= FEWER:
                raise refusal(name, f"it refuses to be asked: {one_line(str(error), 200)}") from error
            return await self._proved(FEWER)
        except UnansweredError as error:
            raise refusal(name, str(error)) from error
        if why := await self._why_not(ids, warm, k):
            raise refusal(name, why)
        return k

    async def _why_not(self, ids: Ids, warm: TopLogProbs, k: int) -> str:
        """What is wrong with what was told of a sentence, "" for nothing."""
        if (warm.ids < 0).any():
            return f"it tells fewer than {k} likeliest tokens: a sampler masks the others"
        if (warm.given > warm.logprobs[:, 0] + TOLERANCE).any():
            return "a token of the text is likelier than the likeliest"
        (known,) = await self._scorer.score([ScoreRequest(ids[:1], ids[1:], ())])
        if abs(known.loglikelihood - float(warm.given.sum())) > TOLERANCE * len(warm.given):
            return f"the same tokens have {float(warm.given.sum()):.3f} here and {known.loglikelihood:.3f} when scored"
        try:
            cold = await self._told(ids, 1, k, temperature=_COLD)
        except RefusedError:
            return ""
        except UnansweredError as error:
            return f"at temperature {_COLD:g} {error}: {TEMPERED}"
        return TEMPERED if _apart(warm, cold) > TOLERANCE else ""


def _apart(one: TopLogProbs, other: TopLogProbs) -> float:
    """The greatest difference between the log-probabilities of a token that both tell."""
    most = float(np.abs(one.given - other.given).max())
    for ids, values, theirs, others in zip(one.ids, one.logprobs, other.ids, other.logprobs, strict=True):
        known = dict(zip(theirs.tolist(), others.tolist(), strict=True))
        common = [abs(value - known[token]) for token, value in zip(ids.tolist(), values.tolist(), strict=True)
                  if known.get(token, -math.inf) > -math.inf]  # fmt: skip
        most = max(most, *common, 0.0)
    return most


def _vllm_body(model: str, ids: Ids, first: int, k: int, temperature: float) -> Mapping[str, Any]:
    del first  # vLLM tells of all places
    return {
        "model": model,
        "prompt": list(ids),
        "max_tokens": 1,
        "temperature": temperature,
        "ignore_eos": True,
        "prompt_logprobs": k,
    }


def _read_vllm(answer: Any, ids: Ids, first: int) -> list[ToldPlace]:
    (choice,) = answer["choices"]
    found = []
    for token, entries in list(zip(ids, choice["prompt_logprobs"], strict=True))[first:]:
        values = {int(one): _number(told["logprob"]) for one, told in entries.items()}
        found.append(ToldPlace(values, int(entries[str(token)]["rank"])))
    return found


def _sglang_body(model: str, ids: Ids, first: int, k: int, temperature: float) -> Mapping[str, Any]:
    del model  # the route has one
    return {**generate_body(ids, first - 1, temperature=temperature), "top_logprobs_num": k}


def _read_sglang(answer: Any, ids: Ids, first: int) -> list[ToldPlace]:
    told = answer["meta_info"]
    reason = told.get("finish_reason")
    if isinstance(reason, Mapping) and reason.get("type") == "abort":
        raise UnansweredError("the server gave the request up")
    values, tops = told["input_token_logprobs"][1:], told["input_top_logprobs"][1:]
    if [entry[1] for entry in values] != list(ids[first:]):
        raise UnansweredError("the server tells of other tokens than it was asked for")
    return [
        ToldPlace({one: _number(value) for value, one, *_ in entries} | {own: _number(value)})
        for (value, own, *_), entries in zip(values, tops, strict=True)
    ]


def _number(value: Any) -> float:
    """A log-probability; null and what vLLM writes for minus infinity become that."""
    if value is None or value <= LOWEST:
        return -math.inf
    return float(value)


VLLM_WAY = Way("/v1/completions", _vllm_body, _read_vllm, ": start it with a greater --max-logprobs")
SGLANG_WAY = Way(ROUTE, _sglang_body, _read_sglang)
