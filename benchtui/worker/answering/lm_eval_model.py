"""lm-eval's three types of requests, answered by any `Answering`.

What lm-eval's `hf` model does around the model itself is done here, once for all backends: contexts cut to the window,
long texts divided into windows, stop strings, and what is cut from a generated text.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from lm_eval import utils
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from tqdm import tqdm

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.routing.answers import together
from benchtui.runs.answer_health import FIRST_IDS, AnswerFacts
from benchtui.tasks.compared import compared_size
from benchtui.worker.answering.answer_end import AnswerEnd
from benchtui.worker.answering.fed import TakesMore, made_of, take_all
from benchtui.worker.answering.protocol import (
    Answering,
    Generated,
    GenerateRequest,
    Observer,
    Score,
    ScoreRequest,
    Tokenizer,
    Unobserved,
)

# The greatest number of tokens of an answer where a task names none, as in lm-eval's `hf`.
_LIMIT = 256

# A window that a server does not tell is taken to be as large as any text.
_UNKNOWN = 2**31

# A context and its continuation as token ids, and the strings they are; None for the windows of a longer text.
Encoded = tuple[tuple[str, str] | None, list[int], list[int]]


class LmEvalModel(TemplateLM):
    """Gives the answers of lm-eval's `hf` model, computed by `answering`.

    Set `observer` to be told of batches, tokens, counts and decisions; every answer goes to the cache hook
    (`set_cache_hook`) as soon as it is known. What the observer or the hook raises ends the call. Set `metric` to the
    one that compares the continuations of a document.

    One thing differs from `hf` on purpose: a continuation without tokens has log-likelihood 0 and is greedy, where `hf`
    stops with an error.
    """

    observer: Observer
    metric: str = ""

    def __init__(self, answering: Answering, prompts: PromptSettings, observer: Observer | None = None) -> None:
        super().__init__()
        self.answering = answering
        self.observer = observer or Unobserved()
        self.seed = prompts.seeds[2]
        self._answer_end = AnswerEnd.of(prompts.think_end_token)
        facts = answering.facts
        self.max_length = facts.context_length or _UNKNOWN
        self.backend = "seq2seq" if facts.encoder_decoder else "causal"  # lm-eval's words
        self._encodings: dict[str, list[int]] = {}
        self._documents: list[int | None] = []

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text. Raises BenchtuiError where the tokenizer has none."""
        return self.tokens.eos

    @property
    def prefix_token_id(self) -> int:
        """The token before a text without a context. Raises BenchtuiError where the tokenizer has none."""
        return self.tokens.prefix

    @property
    def tokens(self) -> Tokenizer:
        """The model's tokenizer. Raises BenchtuiError where it has none here."""
        found = self.answering.tokens
        if found is None:
            raise BenchtuiError(
                "Log-likelihoods need the model's tokenizer, and its server has none to ask.",
                "Name its folder or hub id with --tokenizer, or choose tasks that generate text.",
            )
        return found

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """One prompt of messages, by the plan's chat template."""
        return self.answering.chat.render(chat_history, add_generation_prompt=add_generation_prompt)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Token ids of a string, out of those encoded beforehand where it is among them."""
        if add_special_tokens is None and string in self._encodings:
            return self._encodings[string]
        return self.tokens.encode([string], special=add_special_tokens)[string]

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation after its context, and whether it is the greedy one."""
        take_all(
            requests
        )  # to keep their passes full while more comes costs more than it saves (tests/perf/workers.py)
        if self.backend == "causal":
            self._encodings = self.tokens.encode(_pair_texts(request.args for request in requests))
        self._documents = [request.doc_id for request in requests]
        try:
            answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        finally:
            self._encodings, self._documents = {}, []
        return answers

    def _loglikelihood_tokens(
        self, requests: list[Encoded], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        answers: list[tuple[float, bool]] = [(0.0, True)] * len(requests)
        documents = self._documents or [None] * len(requests)
        asked = [
            self._score_request(context, continuation, args or (), document)
            for (args, context, continuation), document in zip(requests, documents, strict=True)
        ]
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running loglikelihood requests") as bar:

            def answered(index: int, score: Score) -> None:
                answers[index] = (score.loglikelihood, score.greedy)
                args, context, _ = requests[index]
                if args is not None:
                    first = tuple(map(int, context[:FIRST_IDS]))
                    facts = AnswerFacts(len(context), asked[index].lost, first=first, routed=score.routed)
                    self.observer.answer_facts(args, facts)
                    self.cache_hook.add_partial("loglikelihood", args, answers[index])
                bar.update(1)

            self._score(asked, answered)
        return answers

    def _to_be_fed(self, requests: Sequence[Instance]) -> Sequence[Instance]:
        """The requests, with all that has come to them by now where the model takes no more once it has begun."""
        if not (isinstance(self.answering, TakesMore) and self.answering.takes_more):
            take_all(requests)
        return requests

    def _score_request(
        self, context: list[int], continuation: list[int], args: tuple[Any, ...], document: int | None = None
    ) -> ScoreRequest:
        if len(continuation) > self.max_length:
            raise BenchtuiError(
                f"A continuation of {len(continuation)} tokens is longer than the model's window of {self.max_length}.",
                "Set max_length in the model's arguments if the model can read more.",
            )
        # A context without tokens (a text of nothing but spaces) is read as an empty one: after the prefix token.
        context = context or [self.prefix_token_id]
        # The window holds everything but the last token of the continuation; that of an encoder the context alone.
        read = len(context) + len(continuation) - 1 if self.backend == "causal" else len(context)
        size = compared_size(args[-1], self.metric) if args else 1
        return ScoreRequest(context, continuation, args, max(read - self.max_length, 0), document, size)

    def _score(self, requests: Sequence[ScoreRequest], answered: Callable[[int, Score], None]) -> None:
        """Ask everything that has tokens to be predicted; what has none is certain."""
        asked = [index for index, request in enumerate(requests) if request.continuation]
        for index, request in enumerate(requests):
            if not request.continuation:
                answered(index, Score(0.0, True))
        if asked:
            self.answering.score(
                [requests[index] for index in asked],
                lambda place, score: answered(asked[place], score),
                self.observer,
            )

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-likelihood of each whole string, over windows of the model's length."""
        take_all(requests)
        strings: list[str] = [request.args[0] for request in requests]
        encodings = self.tokens.encode(strings) if strings else {}
        owners: list[int] = []
        windows: list[ScoreRequest] = []
        for index, string in enumerate(strings):
            for context, continuation in self._windows(encodings[string]):
                owners.append(index)
                windows.append(self._score_request(context, continuation, (string,)))
        totals: list[float] = [0] * len(strings)
        with tqdm(total=len(strings), disable=disable_tqdm, desc="Running loglikelihood_rolling requests") as bar:

            def whole(index: int, parts: Sequence[Score]) -> None:
                totals[index] = sum(part.loglikelihood for part in parts)
                routed = [part.routed for part in parts if part.routed is not None]
                if routed:
                    self.observer.answer_facts((strings[index],), AnswerFacts(routed=together(routed)))
                self.cache_hook.add_partial("loglikelihood_rolling", (strings[index],), totals[index])
                bar.update(1)

            gathered = _Gathered(owners, len(strings), whole)
            self._score(windows, gathered.add)
        return totals

    def _windows(self, tokens: list[int]) -> list[tuple[list[int], list[int]]]:
        windows = utils.get_rolling_token_windows(
            token_list=tokens, prefix_token=self.prefix_token_id, max_seq_len=self.max_length, context_len=1
        )
        return [utils.make_disjoint_window(window) for window in windows]

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """The text that follows each context, up to a stop string. More requests may come while they are answered
        (`Fed`).

        Raises BenchtuiError where more tokens are asked for than the window holds.
        """
        texts: dict[int, str] = {}
        lengths: dict[str, int] = {}
        seen: Counter[tuple[str, str]] = Counter()
        asked = made_of(self._to_be_fed(requests), lambda new: self._generate_requests(new, seen, lengths))
        with tqdm(total=len(asked), disable=disable_tqdm, desc="Running generate_until requests") as bar:

            def answered(index: int, generated: Generated) -> None:
                request = asked[index]
                text = self._answer_end.text(generated, request.stops, self.answering)
                # A stop string can be spelled in more tokens than a backend looks through while the text grows.
                stopped = text != self._answer_end.text(generated, (), self.answering)
                at_limit = generated.finish == "length" and not stopped
                facts = self._facts(request, generated, lengths, at_limit)
                end = "" if stopped else self._end_token(generated)
                self.observer.answer_facts((request.text,), msgspec.structs.replace(facts, end_token=end))
                texts[index] = text
                self.cache_hook.add_partial("generate_until", request.args, text)
                bar.total = len(asked)
                bar.update(1)

            if asked:
                self.answering.generate(asked, answered, self.observer)
        return [texts.get(index, "") for index in range(len(asked))]

    def _end_token(self, generated: Generated) -> str:
        """The end token of an answer, as it is written; "" where it has none, or its server does not tell."""
        if generated.finish != "end" or not generated.ids or self.answering.tokens is None:
            return ""
        return self.answering.tokens.decode(generated.ids[-1:], special=True)

    def _facts(
        self, request: GenerateRequest, generated: Generated, lengths: Mapping[str, int], at_limit: bool
    ) -> AnswerFacts:
        whole, lost = lengths.get(request.text, generated.read), 0 if generated.read_whole else None
        if request.text in lengths:
            lost = lengths[request.text] - (len(request.prompt) - request.lost)
        unended = at_limit and self._answer_end.missing_from(generated.text)
        thinking = (generated.thinking or unended or None) if not generated.window_full else None
        full = generated.window_full and at_limit
        first = tuple(map(int, request.prompt[:FIRST_IDS]))
        routed = generated.routed
        if routed is not None and (before := self._answer_end.before(generated, self.answering)):
            routed = msgspec.structs.replace(routed, before=before)
        return AnswerFacts(whole, lost, generated.length, at_limit, thinking, full, first, routed=routed)

    def _generate_requests(
        self, requests: Sequence[Instance], seen: Counter[tuple[str, str]], lengths: dict[str, int]
    ) -> list[GenerateRequest]:
        """What is asked for these requests. `seen` counts those with the same prompt and settings, also of before;
        `lengths` gets the length of each prompt before anything was cut from it."""
        read: dict[str, _Limits] = {}
        tokens = self.answering.tokens
        eos = tokens.decode([tokens.eos], special=True) if requests and tokens is not None else None
        for request in requests:
            settings = request.args[1]
            if (name := _name(settings)) not in read:
                read[name] = self._limits(settings, eos)
        texts = [request.args[0] for request in requests]
        encoded = tokens.encode_prompts(texts) if tokens is not None else {}
        lengths.update((text, length) for text, (_, length) in encoded.items())
        asked = []
        for instance in requests:
            context, settings, *draw = instance.args
            name = _name(settings)
            limits, (prompt, _) = read[name], encoded.get(context, ([], 0))
            seed = _seed(self.seed, context, settings, draw[0] if draw else seen[context, name])
            seen[context, name] += 1
            lost = max(len(prompt) - limits.room, 0)
            asked.append(
                GenerateRequest(
                    prompt,
                    context,
                    limits.tokens,
                    limits.stops,
                    settings,
                    seed,
                    instance.args,
                    lost,
                    repeated=bool(draw),
                    document=instance.doc_id,
                )
            )
        return asked

    def _limits(self, settings: Mapping[str, Any], eos: str | None) -> _Limits:
        kwargs = dict(normalize_gen_kwargs(dict(settings), _LIMIT))
        stops = handle_stop_sequences(kwargs.get("until"), eos=eos)
        tokens = int(kwargs["max_gen_toks"])
        if self.backend != "causal":  # the encoder has a window of its own
            return _Limits(tokens, tuple(stops), self.max_length)
        room = self.max_length - tokens
        if room <= 0:
            raise BenchtuiError(
                f"The task generates up to {tokens} tokens, and the model's window holds {self.max_length} in all.",
                "Set max_length in the model's arguments if the model can read more, or a smaller max_gen_toks.",
            )
        return _Limits(tokens, tuple(stops), room)


@dataclass(frozen=True)
class _Limits:
    """Where an answer ends: the most `tokens`, the `stops`; and the `room` in the window for its prompt."""

    tokens: int
    stops: tuple[str, ...]
    room: int


class _Gathered:
    """Parts that belong to owners; `whole(owner, parts)` is called with an owner's parts when all are there."""

    def __init__(self, owners: Sequence[int], count: int, whole: Callable[[int, Sequence[Score]], None]) -> None:
        self._owners = owners
        self._parts: list[dict[int, Score]] = [{} for _ in range(count)]
        self._missing = [0] * count
        self._whole = whole
        for owner in owners:
            self._missing[owner] += 1
        for owner, missing in enumerate(self._missing):
            if not missing:
                whole(owner, ())

    def add(self, index: int, value: Score) -> None:
        """Take in the part with this index."""
        owner = self._owners[index]
        self._parts[owner][index] = value
        self._missing[owner] -= 1
        if not self._missing[owner]:
            parts = self._parts[owner]
            self._whole(owner, [parts[place] for place in sorted(parts)])


def _pair_texts(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The strings that lm-eval encodes for contexts and continuations (`TemplateLM._encode_pair`)."""
    for context, continuation in pairs:
        if context:
            yield context + continuation
            yield context.rstrip()


def _name(settings: Mapping[str, Any]) -> str:
    return repr(sorted(settings.items()))


def _seed(seed: int, context: str, settings: Mapping[str, Any], occurrence: int | tuple[int, ...]) -> int:
    """A number that depends on the request, not on what it shares a batch with. `occurrence` counts requests with the
    same arguments, which are to differ; where several answers are drawn to a document it says which of them it is, so
    that the number is the same whatever else is asked with it."""
    text = json.dumps([seed, context, settings, occurrence], default=str, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
