"""What only some models can give: the distribution of the next token, what it says of given tokens, and texts that grow
token by token.

Whoever needs one of them asks with isinstance; a plan is refused before where the backend's description denies it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from benchtui.routing.arithmetic import Arithmetic
from benchtui.routing.records import Sampling
from benchtui.routing.rules import SignalName
from benchtui.worker.answering.protocol import GenerateRequest, Ids, Observer, ScoreRequest

LogProbs = NDArray[np.float32]


@dataclass(frozen=True)
class TokenLogProbs:
    """Distributions of the next token: `logprobs[i]`, float32 [n, vocabulary] in nats, is that of the token at place
    `first + i`, given the tokens before it."""

    first: int
    logprobs: LogProbs


@runtime_checkable
class Distributions(Protocol):
    """A model that gives the whole distribution at every place of a given text."""

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """Log-probabilities at the places `first` … `len(ids)` (the last is that of the token after the text), in
        order, in chunks that memory holds. `first` is at least 1. At temperature 1, without any sampling setting."""


@dataclass(frozen=True)
class TokenScore:
    """What a model says of the n tokens of a continuation.

    `logprobs` float32 [n] is the log-probability of each in nats, given all before it, as `Answering.score` has it;
    `greedy` bool [n] whether it is the likeliest one; `signal` float32 [n] how unsure the model is before it, None
    where no signal was asked. `loglikelihood` is what `Answering.score` gives: their sum, rounded as that is.
    """

    logprobs: LogProbs
    greedy: NDArray[np.bool_]
    signal: NDArray[np.float32] | None
    loglikelihood: float


TokensScored = Callable[[int, TokenScore], None]
"""Takes the place of a request in the sequence that was given, and what its model says of its tokens."""


@runtime_checkable
class TokenScorer(Protocol):
    """A model that scores continuations token by token, in the batches and with the speed of `Answering.score`."""

    def score_tokens(
        self,
        requests: Sequence[ScoreRequest],
        signal: SignalName | None,
        answered: TokensScored,
        observer: Observer,
    ) -> None:
        """Answer every request, each as soon as it is known, in any order.

        The signal (benchtui/routing/signals.py) is that of the distribution over the ids that are tokens: rows beyond
        them, with which some vocabularies are padded, do not count; NaN where it is not known. The log-probabilities
        are those of the whole output, as lm-eval takes them. Raises what `Answering.score` raises, and BenchtuiError
        for a signal of raw logits where this model gives none.
        """


@dataclass(frozen=True)
class HiddenStates:
    """What the output head reads at consecutive places of one text, on the model's device.

    `states` is a tensor [n, width] in the model's own precision; row i belongs to the place `first + i`, whose token it
    predicts.
    """

    first: int
    states: Any


@runtime_checkable
class HidesStates(Protocol):
    """A model that gives what its output head reads, and the head's own logits apart from it.

    Where `why_no_states` says why not, nothing else of this may be asked: `Distributions` has the same numbers.
    """

    def head_dtype(self) -> str:
        """The precision that the output head computes in: "float32", but where that is not possible. It can be asked
        whatever `why_no_states` says."""

    def why_no_states(self) -> str:
        """Why this model's states cannot be had apart from its output head, in a few words; "" where they can."""

    def hidden_states(self, texts: Sequence[tuple[Ids, int]], observer: Observer) -> Iterator[tuple[int, HiddenStates]]:
        """For each text (its ids and the first place wanted, at least 1) its number and its states at the places
        `first` … `len(ids) - 1`, in any order, several texts in one forward pass where memory allows. The same texts
        give the same bits. Raises what `distributions` raises."""

    def head_logits(self, states: Any) -> Any:
        """Float32 logits [n, rows of the output matrix] of some states, with whatever the family does after its output
        projection, as a tensor on the model's device. n must be as few as memory holds."""

    def head_digest(self) -> str:
        """A digest of all that `head_logits` depends on."""

    def save_head(self, file: Path) -> None:
        """Write the head into a safetensors file of its own, from which its logits can be computed without the model.
        Raises OSError."""


@dataclass(frozen=True)
class TopLogProbs:
    """The likeliest tokens at consecutive places of a text: `ids` int32 and `logprobs` float32 [n, k] in nats, the
    likeliest first (id -1 where fewer were told); row i belongs to the place `first + i`. `given` float32 [n] and
    `rank` int32 [n] are those of the text's own token there; a rank beyond those told may be the lowest possible."""

    first: int
    ids: NDArray[np.int32]
    logprobs: LogProbs
    given: LogProbs
    rank: NDArray[np.int32]


@runtime_checkable
class TopDistributions(Protocol):
    """A model that tells the likeliest tokens at every place of a given text, as servers do."""

    def top_logprobs(
        self, texts: Sequence[tuple[Ids, int]], k: int, observer: Observer
    ) -> Iterator[tuple[int, TopLogProbs]]:
        """For each text (its ids and the first place wanted, at least 1) its number and the `k` likeliest tokens at the
        places `first` … `len(ids) - 1`, in any order, at temperature 1.

        Raises BenchtuiError where what is told cannot be believed, or is not told of a text.
        """


@runtime_checkable
class Vocabulary(Protocol):
    """A model that tells which token each of its ids is."""

    def token_bytes(self) -> Sequence[tuple[bytes, bool]]:
        """For each id that the tokenizer knows, from 0 on, the bytes of its token and whether it is a special one; of
        an id that no token has, (b"", True)."""


@runtime_checkable
class EndsTexts(Protocol):
    """A model that tells at which tokens what it writes is over."""

    def end_tokens(self) -> frozenset[int]:
        """The tokens that end an answer: of a text, and of a turn where the model knows turns."""


class GrowingText(Protocol):
    """A text in the model's memory that grows by tokens and can be cut back; each fork is independent."""

    @property
    def ids(self) -> list[int]:
        """All its tokens."""

    @property
    def logsumexp(self) -> LogProbs | None:
        """Float32 [last]: added to the distributions that the last step gave, it makes the raw logits; None where they
        are not known."""

    def step(self, ids: Ids, last: int | None = None) -> LogProbs:
        """Append tokens, at least one; returns the distribution of the next token after each of them, in nats.

        float32 [len(ids), vocabulary]; with `last`, only those after the last so many tokens: after a long prompt most
        are not needed. Raises BenchtuiError where the text would be longer than the model's window, OutOfMemoryError
        where it does not fit into memory, NotANumberError where the model computes NaN; the text is unchanged then.
        """

    def fork(self) -> GrowingText:
        """Return a copy that grows independently."""

    def cut(self, length: int) -> None:
        """Keep the first `length` tokens. Raises ValueError where there are fewer."""


@runtime_checkable
class TextGrower(Protocol):
    """A model that can be stepped token by token: for switching between models, drafts and chat."""

    def grow(self, observer: Observer) -> GrowingText:
        """Begin a text that has no tokens yet."""


@dataclass(frozen=True)
class Growth:
    """Tokens `ids`, at least one, by which the text with the number `text` grows; the distributions after its last
    `last` tokens are wanted."""

    text: int
    ids: Ids
    last: int = 1


@dataclass(frozen=True)
class Grown:
    """What a text that grew in a batch gives: `logprobs` float32 [last, vocabulary] in nats.

    `positions` the model had to read for this text; `shared` of them it had computed before, for another text with the
    same beginning. `padding` it computed beside them, since the rows of a forward pass have one length. What it has
    computed are `positions - shared + padding`. `logsumexp` float32 [last] is that of the raw logits (logit =
    log-probability + logsumexp), None where they are not known.
    """

    logprobs: LogProbs
    positions: int
    shared: int = 0
    padding: int = 0
    logsumexp: LogProbs | None = None


class GrowingBatch(Protocol):
    """Texts in the model's memory that grow together, each by any number of tokens, and are cut back each by itself."""

    @property
    def rows(self) -> int:
        """How many texts there may be at once."""

    def begin(self) -> int:
        """Begin a text without tokens; returns its number, which no other text of this batch has had. Raises ValueError
        where there are `rows` texts already."""

    def ids(self, text: int) -> Ids:
        """All tokens of a text."""

    def step(self, growths: Sequence[Growth]) -> list[Grown]:
        """Let texts grow, in as few forward passes as that takes; texts that are not named stay as they are. Returns
        what each gives, in the order of `growths`, the same as if it grew alone.

        Raises BenchtuiError where a text would be longer than the model's window, BatchTooLargeError where memory runs
        out for so many texts, OutOfMemoryError where it does for one, NotANumberError where the model computes NaN. A
        text whose growth failed is unchanged or has grown; `ids` tells.
        """

    def cut(self, text: int, length: int) -> None:
        """Keep the first `length` tokens of a text. Raises ValueError where there are fewer."""

    def end(self, text: int) -> None:
        """Forget a text; another may be begun in its place."""


@runtime_checkable
class BatchGrower(Protocol):
    """A model in which many texts grow in one forward pass. Of a `TextGrower` that is none, texts grow one by one:
    `growing_batch.batch_of` makes the same of both."""

    def grow_batch(self, rows: int | None, longest: int, observer: Observer, share: float = 1.0) -> GrowingBatch:
        """Make room for texts of up to `longest` tokens: for as many as a batch size of `rows` means (None: the
        model chooses), and as memory holds, of which `share` may be used. The observer is told how many, and why."""


Changes = Callable[[Ids, NDArray[np.float64]], NDArray[np.float64]]
"""Takes all tokens of a text and the raw logits [vocabulary] of the next one; returns them changed."""


@dataclass(frozen=True)
class OwnSettings:
    """How a model writes when it writes alone: by the settings of a task, and by those that it brings along.

    `sampling` with the most tokens, `ends` are the tokens that end an answer. `changes` makes of a prompt what changes
    the logits behind it before one is chosen (a repetition penalty, tokens that are suppressed), and `changed_by` names
    it; None where nothing does.
    """

    sampling: Sampling
    ends: frozenset[int]
    changes: Callable[[Ids], Changes] | None = None
    changed_by: str = ""


@runtime_checkable
class BringsSettings(Protocol):
    """A model that may bring along generation settings of its own, which act beside those of a task."""

    def own_settings(self, request: GenerateRequest) -> OwnSettings:
        """Return how it writes the answer to a request by itself. Raises BenchtuiError naming a setting that nobody
        else can follow."""


@runtime_checkable
class CountsArithmetic(Protocol):
    """A model whose shape says how much arithmetic its forward passes take."""

    def arithmetic(self) -> Arithmetic | None:
        """Return what of its shape counts; None where that is not known."""
