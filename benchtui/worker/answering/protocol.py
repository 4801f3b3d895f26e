"""What a loaded model is asked, and what it answers: whoever asks knows this protocol and no backend.

Token ids are the currency, log-probabilities are natural logarithms. An implementation lies in a folder or file of its
own beside this one; `opening.py` finds it by the plan's backend. What only some can give is in `next_token.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.models.source import Source
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.plan import Permissions
from benchtui.routing.answers import RoutedFacts
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.report import Reporter

Ids = Sequence[int]
Finish = Literal["end", "stop", "length"]
"""What ended a generated text: an end token, a stop string, or the greatest number of tokens."""


class ModelPlan(Protocol):
    """What of a plan says how its model is loaded and asked, whatever the kind of run."""

    @property
    def backend(self) -> str: ...
    @property
    def source(self) -> Source: ...
    @property
    def prompts(self) -> PromptSettings: ...
    @property
    def device(self) -> str: ...
    @property
    def batch_size(self) -> int | Literal["auto"]: ...
    @property
    def permissions(self) -> Permissions: ...
    @property
    def backend_settings(self) -> Mapping[str, str]: ...
    @property
    def backend_options(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class ScoreRequest:
    """A continuation whose log-likelihood after a context is asked; both have at least one token.

    The model must not read the first `lost` tokens of the context: they do not fit into its window. `args`, for the
    observer, are lm-eval's arguments: (context, continuation) as texts, or (text,) for one window of a longer text.
    The task's metric compares requests of one `document` (None: nobody says), each score divided by its `size`.
    """

    context: Ids
    continuation: Ids
    args: tuple[Any, ...]
    lost: int = 0
    document: int | None = None
    size: float = 1.0

    @property
    def inputs(self) -> list[int]:
        """The tokens that a model without an encoder reads: its last outputs predict the continuation."""
        return [*self.context[self.lost :], *self.continuation[:-1]]


@dataclass(frozen=True)
class Score:
    """`loglikelihood` of a whole continuation in nats; `greedy` where each of its tokens was the likeliest. `routed`
    where two models have scored it together."""

    loglikelihood: float
    greedy: bool
    routed: RoutedFacts | None = None


TOP_K = 50
"""The likeliest tokens that one is drawn from where a task samples and names no `top_k`: what `generate` of
transformers takes then, and so every backend."""


@dataclass(frozen=True)
class GenerateRequest:
    """A prompt whose continuation is to be written.

    `prompt` has the token ids of `text` (none where the model has no tokenizer here); the first `lost` of them do not
    fit into the model's window beside the answer and must not be read. At most `limit` tokens are written; a text that
    contains one of `stops` is complete.
    `settings` are the task's own (lm-eval's `gen_kwargs` as the task has them, with `do_sample`, `temperature` …).
    `seed` has 256 bits and belongs to this request alone: it is the same whenever the same is asked again, whatever
    shares a batch with it. `args` is what the observer is told of the request: lm-eval's arguments, and which answer
    it is where several are drawn to one document (`repeated`): each must then come from its own seed. `document` is its
    number, None where nobody says.
    """

    prompt: Ids
    text: str
    limit: int
    stops: tuple[str, ...]
    settings: Mapping[str, Any]
    seed: int
    args: tuple[Any, ...]
    lost: int = 0
    repeated: bool = False
    document: int | None = None


@dataclass(frozen=True)
class Generated:
    """An answer: its `ids` up to the token that completed it, and their `text` without special tokens, which may still
    contain a stop string and what comes behind it.

    A server that does not tell ids tells their `count` at most, and how many tokens it read (`read`); `read_whole`
    where it would have refused a prompt that it cannot read whole. `thinking` where the greatest number of tokens was
    reached before any answer began; `window_full` where the model's window ended it, with fewer tokens than were asked.
    `routed` where two models have written it together.
    """

    text: str
    ids: Ids
    finish: Finish
    count: int | None = None
    read: int | None = None
    thinking: bool = False
    window_full: bool = False
    read_whole: bool = False
    routed: RoutedFacts | None = None

    @property
    def length(self) -> int | None:
        """How many tokens it has; None where nobody counted them."""
        if self.ids or (self.count is None and not self.text):
            return len(self.ids)
        return self.count


Scored = Callable[[int, Score], None]
"""Takes the place of a request in the sequence that was given, and its answer."""
Written = Callable[[int, Generated], None]


class Observer(Protocol):
    """Whoever watches a model answer. Called on the model's own thread, between forward passes: every method must
    return at once, or raise: then nothing more is computed and the error reaches whoever asked."""

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """A batch begins; `request_args` are the `args` of its requests that have no answer yet."""

    def tokens(self, n: int) -> None:
        """The model has computed `n` token positions."""

    def prefilled(self, tokens: int, seconds: float) -> None:
        """In `seconds` the model has read `tokens` of prompts, without padding and without what it had in a cache: a
        forward pass of its own, or a server's whole prompt up to its first token."""

    def decoded(self, tokens: int, seconds: float) -> None:
        """In `seconds` the model has written `tokens`: a forward pass of its own, or a server's whole answer behind
        its first token, which belongs to the prefill."""

    def first_token(self, seconds: float) -> None:
        """The first token of an answer that is streamed came so long after it was asked for."""

    def check(self) -> None:
        """Called while the model is waited for, at least every second: raises where nothing more is wanted. It is no
        sign of life."""

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        """The request with these `args` gets no answer, though others may: a server failed at it again and again.
        `why` in a few words, as they stand behind a sample's number. Raises where every answer is needed."""

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """What was counted of an answer that comes next, or later, for a request with these `texts` among its
        arguments: (context,) or (context, continuation). Facts of equal requests come in the order of their answers."""

    def decision(self, what: str, choice: str, why: str) -> None:
        """Something was settled that a reader of the log may want to know; told once each time it changes."""

    def batch_size(self, rows: int, why: str) -> None:
        """As many sequences are answered at once from now on."""


class Unobserved:
    """An observer that ignores everything."""

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """Ignore it."""

    def tokens(self, n: int) -> None:
        """Ignore it."""

    def prefilled(self, tokens: int, seconds: float) -> None:
        """Ignore it."""

    def decoded(self, tokens: int, seconds: float) -> None:
        """Ignore it."""

    def first_token(self, seconds: float) -> None:
        """Ignore it."""

    def check(self) -> None:
        """Ignore it."""

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        """Raise BenchtuiError: nobody would notice."""
        del request_args
        raise BenchtuiError(f"The model gave no answer: {why}.", "Try again.")

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """Ignore it."""

    def decision(self, what: str, choice: str, why: str) -> None:
        """Ignore it."""

    def batch_size(self, rows: int, why: str) -> None:
        """Ignore it."""


class BatchTooLargeError(Exception):
    """Memory ran out for the sequences answered at once; what was answered before is kept. Call `Answering.shrink`
    (after this error is handled: while it is, its frames keep their memory) and ask for the rest again."""


class OutOfMemoryError(BenchtuiError):
    """A single request does not fit into memory: nothing smaller can be tried."""


class ModelChangedError(BenchtuiError):
    """A server has another model now than when it was opened: what it answered for the task in hand is void."""


class AnsweringFacts(msgspec.Struct, frozen=True):
    """What results tell of the model that answered.

    `version` is that of the backend's own package or server; `context_length` the longest sequence in tokens, 0
    where a server does not tell it;
    `encoder_decoder` whether a context is read by an encoder, apart from the continuation. `caveats` are sentences to
    be shown beside the scores.
    """

    backend: str
    version: str
    device: str
    dtype: str
    context_length: int
    encoder_decoder: bool = False
    caveats: tuple[str, ...] = ()


class Tokenizer(Protocol):
    """The model's own tokenizer."""

    @property
    def eos(self) -> int:
        """The token that ends a text. Raises BenchtuiError where there is none."""

    @property
    def prefix(self) -> int:
        """The token that stands before a text without a context, as in lm-eval: bos, or eos where there is no bos.
        Raises BenchtuiError where there is neither."""

    def encode(self, texts: Iterable[str], *, special: bool | None = None) -> dict[str, list[int]]:
        """Token ids of each text, for scoring. `special` says whether special tokens are added; None: as the tokenizer
        does it by itself, but none before a text that begins with one."""

    def encode_prompts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], int]]:
        """Token ids of each text, for generating behind it, and how many there are before the tokenizer itself cuts
        (only where the user asked it to)."""

    def decode(self, ids: Ids, *, special: bool = False) -> str:
        """The text of these tokens, with special tokens where `special` says so."""

    def describe(self) -> dict[str, Any]:
        """What lm-eval's result files tell of a tokenizer (lm_eval.loggers.utils.add_tokenizer_info)."""


class ChatRenderer(Protocol):
    """The plan's chat template, rendered as of the moment that the plan holds."""

    @property
    def name(self) -> str:
        """What lm-eval calls the tokenizer."""

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        """One prompt of messages with the keys `role` and `content`; the last one is left open for the model to
        continue where `add_generation_prompt` is False. Raises whatever the template raises."""


class Answering(Protocol):
    """A model in memory (or at a server) that answers for one plan at a time.

    Not every implementation has everything: those that inherit from this class get what a model has that cannot be
    made smaller, shared or adapted.
    """

    @property
    def facts(self) -> AnsweringFacts:
        """What results tell of the model."""

    @property
    def tokens(self) -> Tokenizer | None:
        """The model's tokenizer; None where a server has none to ask: prompts go to it as text, and no log-likelihood
        can be asked."""

    @property
    def chat(self) -> ChatRenderer:
        """The plan's chat template; asked only where the plan has one."""

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """Answer every request, each as soon as it is known, in any order.

        Raises BatchTooLargeError when memory ran out and a smaller batch may help, OutOfMemoryError when none can,
        NotANumberError when the model computes NaN, and what `answered` or `observer` raise.
        """

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """Write a continuation for every request, in any order. Raises what `score` raises."""

    @property
    def peak_device_memory(self) -> int | None:
        """The most bytes that were held at once in an accelerator's memory of its own; None where nobody counts."""
        return None

    def check_tasks(self, *, loglikelihood: bool) -> None:
        """Told before a run whether its tasks ask for log-likelihoods; raises BenchtuiError where they are not to be
        had, with what would help."""
        del loglikelihood

    def check_same(self) -> None:
        """Raise ModelChangedError where it is no longer the model that was opened, as a server's may be; called when a
        task is answered."""
        return

    def known_text(self) -> tuple[float, ...]:
        """The log-likelihoods of the first two, three, … tokens of one text after its first, in nats, asked anew: they
        stay the same, but for rounding, while the model does. Empty where it cannot change, as in this process. Raises
        what `check_tasks` and `score` raise."""
        return ()

    @property
    def whole_documents(self) -> bool:
        """Whether all log-likelihoods of a document must be asked together: its answers depend on each other."""
        return False

    @property
    def rows(self) -> int | None:
        """How many sequences are answered at once; None where the implementation sizes each batch by itself."""
        return None

    def sized_for(self, kind: str, began: int | None, observer: Observer) -> AbstractContextManager[int | None]:
        """While open, answer as many sequences at once as are known to fit for tasks of this `kind`; gives their
        number, None where the implementation sizes each batch by itself.

        A run that is resumed gives as `began` the number that it was told first: the sequences beside one in a batch
        can change the last bits of its answer. Closed without an error, what fits is remembered for later runs.
        """
        del kind, began, observer
        return nullcontext(None)

    def shrink(self, said: str, observer: Observer) -> None:
        """Free what a failed batch left behind and answer fewer sequences at once, telling the observer how many.
        `said` is what BatchTooLargeError said. Raises OutOfMemoryError when nothing smaller can be tried."""
        del observer
        raise OutOfMemoryError(f"memory is not enough for one request: {said}", "Use a smaller or quantised model.")

    def adapt(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> bool:
        """Answer for another plan from now on with the weights in memory, where they serve it; False where they do
        not, and nothing is changed then."""
        del plan, reporter, memory_share
        return False

    def beside(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> Answering | None:
        """The model of another plan while this one stays as it is; None where both might not fit into memory, or this
        one would not stay as it is."""
        del plan, reporter, memory_share
        return None

    @property
    def shares_weights(self) -> bool:
        """Whether another model stands on the same weights: closing one of them frees no memory."""
        return False

    def close(self) -> None:
        """Free what the model holds; it is asked nothing afterwards."""


class AnsweringModule(Protocol):
    """The module that a backend's description names: how its models are opened. Importing it imports nothing heavy."""

    def open_model(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> Answering:
        """Load the plan's model, telling the reporter what is chosen and why. `memory_share` below 1 plans for that
        part of the memory: an earlier worker of the run died for want of it. Raises BenchtuiError naming the model and
        what would help."""

    def open_chat(self, plan: ModelPlan) -> ChatRenderer:
        """The plan's chat template without the model's weights."""
