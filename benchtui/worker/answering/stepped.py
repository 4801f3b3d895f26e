"""A model that is stepped token by token: its texts, which read what they miss, and what that cost."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.routing.arithmetic import Arithmetic
from benchtui.routing.records import Cost
from benchtui.tokens.divergences import normalised
from benchtui.worker.answering.growing_batch import TextByText, batch_of
from benchtui.worker.answering.next_token import (
    CountsArithmetic,
    GrowingBatch,
    GrowingText,
    Grown,
    Growth,
    TextGrower,
)
from benchtui.worker.answering.protocol import Ids, Observer

LogProbs = NDArray[np.float64]


class SteppedModel:
    """A model, of whose ids only the `known` ones (bool [ids]) are tokens: no other has a probability.

    `removed` is the greatest probability so far that the model gave to others.
    """

    def __init__(self, label: str, grower: TextGrower, known: NDArray[np.bool_], observer: Observer) -> None:
        self.label = label
        self.removed = 0.0
        self._grower = grower
        self._known = known
        self._unknown = np.flatnonzero(~known)
        self._observer = observer

    @functools.cached_property
    def arithmetic(self) -> Arithmetic | None:
        """What of the model's shape says how much arithmetic it takes; None where that is not known."""
        return self._grower.arithmetic() if isinstance(self._grower, CountsArithmetic) else None

    @property
    def vocabulary(self) -> int:
        """How many ids it has."""
        return len(self._known)

    def begin(self) -> SteppedText:
        """Begin a text that is read by itself."""
        return self.one_text().begin()

    def one_text(self) -> SteppedBatch:
        """Make room for one text, which is read by itself."""
        return SteppedBatch(self, TextByText(self._grower, self._observer))

    def grow(self, observer: Observer) -> GrowingText:
        """Begin a text that can be forked; the observer is told of what is computed for it."""
        return self._grower.grow(observer)

    @property
    def observer(self) -> Observer:
        """Who is told of what the model computes."""
        return self._observer

    def batch(self, rows: int | None, longest: int, share: float = 1.0) -> SteppedBatch:
        """Make room for texts of up to `longest` tokens that are read together, as `BatchGrower.grow_batch` does."""
        return SteppedBatch(self, batch_of(self._grower, rows, longest, self._observer, share))

    def restricted(self, logprobs: NDArray[np.float32]) -> LogProbs:
        """Return rows of log-probabilities over the known ids alone, -inf for the others, float64 [n, ids]. Raises
        BenchtuiError where the model has fewer outputs than the tokenizer has ids."""
        return normalised(self._known_alone(logprobs))

    def rows(self, grown: Grown) -> ReadRows:
        """Return what a text that grew gives, over the known ids alone. Raises what `restricted` does."""
        logprobs = self.restricted(grown.logprobs)
        if grown.logsumexp is None:
            return ReadRows(logprobs)
        each, best = np.arange(len(logprobs)), logprobs.argmax(-1)
        left_out = logprobs[each, best] - grown.logprobs[each, best]
        return ReadRows(logprobs, grown.logsumexp - left_out)

    def likeliest(self, logprobs: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the likeliest of the known ids of each row [n], the first of several: that of `restricted`,
        without its float64 copies of the vocabulary. Raises what `restricted` does."""
        found: NDArray[np.intp] = self._known_alone(logprobs).argmax(-1)
        return found

    def _known_alone(self, logprobs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-probabilities over the known ids, not normalised; what the others had is noted."""
        found, count = known_alone(self.label, logprobs, self._known), len(self._known)
        if logprobs.shape[1] > count or len(self._unknown):
            unknown = np.concatenate((logprobs[:, count:], logprobs[:, self._unknown]), axis=1)
            self.removed = max(self.removed, float(np.exp(unknown.astype(np.float64)).sum(-1).max()))
        return found


@dataclass(frozen=True)
class ReadRows:
    """Distributions of the next token: `logprobs` float64 [n, known ids] in nats, and `logsumexp` [n], which added to
    them gives the raw logits; None where those are not known."""

    logprobs: LogProbs
    logsumexp: LogProbs | None = None

    def logits(self, row: int) -> LogProbs | None:
        """The raw logits [known ids] of one row, -inf for ids that are no tokens."""
        return None if self.logsumexp is None else self.logprobs[row] + self.logsumexp[row]


@dataclass(frozen=True)
class Reading:
    """The text that a model is to have read up to the end of `ids`; the distributions after the last `last` tokens are
    wanted."""

    text: SteppedText
    ids: Ids
    last: int = 1


class SteppedBatch:
    """Texts of one model that are read together, `rows` of them at once."""

    def __init__(self, model: SteppedModel, batch: GrowingBatch) -> None:
        self.model = model
        self.batch = batch

    @property
    def rows(self) -> int:
        """How many texts there may be at once."""
        return self.batch.rows

    def begin(self) -> SteppedText:
        """Begin a text. Raises ValueError where there is no room."""
        return SteppedText(self, self.batch.begin())

    def read(self, readings: Sequence[Reading]) -> list[LogProbs]:
        """Read what is missing of some texts in one call; returns for each the distributions after its last tokens,
        float64 [last, known ids] in nats. Raises what `GrowingBatch.step` does."""
        return [rows.logprobs for rows in self.rows_of(readings)]

    def rows_of(self, readings: Sequence[Reading]) -> list[ReadRows]:
        """Read as `read` does; returns what is known of the logits too."""
        return [self.model.rows(grown) for grown in self._read(readings)]

    def likeliest(self, readings: Sequence[Reading]) -> list[NDArray[np.intp]]:
        """Read as `read` does; returns for each text the likeliest ids [last] alone."""
        return [self.model.likeliest(grown.logprobs) for grown in self._read(readings)]

    def _read(self, readings: Sequence[Reading]) -> list[Grown]:
        growths = [reading.text.missing(reading.ids, reading.last) for reading in readings]
        began = time.perf_counter()
        found = self.batch.step(growths)
        seconds = time.perf_counter() - began
        weights = [grown.positions - grown.shared + grown.padding for grown in found]
        each = seconds / max(1, sum(weights))
        for reading, grown, weight in zip(readings, found, weights, strict=True):
            reading.text.has_read(len(reading.ids), self._cost(reading, grown, each * weight))
        return found

    def _cost(self, reading: Reading, grown: Grown, seconds: float) -> Cost:
        end, shape = len(reading.ids), self.model.arithmetic
        flops = shape.flops(end - grown.positions, end, reading.last) if shape else 0.0
        return Cost(self.model.label, 1, grown.positions, 0, 0, seconds, grown.shared, grown.padding, flops)


class SteppedText:
    """The text of one model, which begins as the text that two models write does, and may end before it."""

    def __init__(self, batch: SteppedBatch, number: int) -> None:
        self._batch = batch
        self._number = number
        self._length = 0
        self._cost = Cost(batch.model.label)

    @property
    def ids(self) -> Ids:
        """The tokens that the model has read."""
        return self._batch.batch.ids(self._number)

    @property
    def length(self) -> int:
        """How many they are."""
        in_memory = len(self.ids)
        if in_memory != self._length:
            raise RuntimeError(f"{self._cost.model} has {in_memory} tokens in memory, not {self._length}")
        return self._length

    def read(self, ids: Ids, last: int) -> LogProbs:
        """As `SteppedBatch.read`, for this text alone."""
        return self._batch.read([Reading(self, ids, last)])[0]

    def missing(self, ids: Ids, last: int) -> Growth:
        """Return how the text in memory grows to `ids`, at the end of which `last` distributions are wanted; what it
        has of those already it forgets."""
        if self.length > len(ids) - last:
            self.cut(len(ids) - last)
        return Growth(self._number, list(ids[self._length :]), last)

    def has_read(self, length: int, cost: Cost) -> None:
        """Count a call, after which the model has read `length` tokens."""
        self._length = length
        self._cost = self._cost.plus(cost)

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on, if there are any."""
        if self._length > length:
            self._batch.batch.cut(self._number, length)
            self._cost = self._cost.plus(Cost(self._cost.model, discarded=self._length - length))
            self._length = length

    def end(self) -> None:
        """Forget all of it: another text may be begun in its place."""
        self._batch.batch.end(self._number)

    def cost(self, chosen: int) -> Cost:
        """Return what the text has cost, `chosen` of whose tokens this model wrote."""
        return msgspec.structs.replace(self._cost, chosen=chosen)


def known_ids(tokens: Sequence[tuple[bytes, bool]]) -> NDArray[np.bool_]:
    """Return which ids are tokens, given the bytes of each and whether it is a special one (bool [ids])."""
    return np.array([bool(token) for token, _ in tokens], np.bool_)


def of_known(label: str, logprobs: NDArray[np.float32], known: NDArray[np.bool_]) -> LogProbs:
    """Return rows of log-probabilities [n, outputs] over the `known` ids (bool [ids]) alone, -inf for the others,
    float64 [n, ids]. Raises BenchtuiError where the model `label` has fewer outputs than the tokenizer has ids."""
    return normalised(known_alone(label, logprobs, known))


def known_alone(label: str, logprobs: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the same [n, ids] before it is normalised."""
    count = len(known)
    if logprobs.shape[1] < count:
        raise too_few_outputs(label, logprobs.shape[1], count)
    found = logprobs[:, :count]
    return found if known.all() else np.where(known, found, np.float32(-np.inf))


def too_few_outputs(label: str, outputs: int, tokens: int) -> BenchtuiError:
    """The error of a model whose output does not reach all tokens."""
    return BenchtuiError(
        f"{label} has {outputs:,} outputs for a tokenizer of {tokens:,} tokens.", "Choose a model that is whole."
    )
