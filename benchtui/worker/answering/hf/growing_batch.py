"""Texts in a transformers model's memory that grow together: each has a row of one cache, and a pass extends some."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchtui.worker.answering.growing_batch import TextByText
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.attention import MaskStyle
from benchtui.worker.answering.hf.engine.batching import RequestedBatch
from benchtui.worker.answering.hf.engine.decoding import Slots, extend_rows
from benchtui.worker.answering.hf.engine.prefix_cache import run_in_pieces
from benchtui.worker.answering.hf.memory import unless_out_of_memory
from benchtui.worker.answering.next_token import GrowingBatch, Grown, Growth, TextGrower
from benchtui.worker.answering.protocol import BatchTooLargeError, Ids, Observer, OutOfMemoryError


def grow_batch(
    model: TextGrower, distributions: TextDistributions, requested: RequestedBatch, observer: Observer
) -> GrowingBatch:
    """Make room for texts of a model, as `BatchGrower.grow_batch` does.

    Where rows of unequal length cannot grow in one forward pass (recurrent layers, adapters with tokens of their own,
    windows of different kinds), texts grow one by one, and the observer is informed.
    """
    capabilities = distributions.capabilities
    style = capabilities.decode_masks
    if style is None or requested.longest > capabilities.longest:
        why = capabilities.why or f"beyond {capabilities.longest:,} tokens the rotary embedding depends on the length"
        observer.decision("growing texts", "one by one", why)
        return TextByText(model, observer)
    rows, why = batching.rows_at_once(distributions.backbone, requested, capabilities.cache_bytes_per_token)
    observer.decision("growing texts", f"{rows} at once", why)
    return TextRows(distributions, style, rows, observer)


@dataclass(eq=False)
class _Row:
    """One row of the cache: the tokens of which it holds keys and values, and the number of the text that has it now,
    None where none has. What a text left is kept: one that begins alike need not read it again."""

    place: int
    ids: list[int]
    text: int | None = None


@dataclass(eq=False)
class _Reading:
    """What is to be read in a row: its `ids` at the end; `last` hidden states are wanted. `before` counts the tokens
    that its text had, `shared` those that a new text has taken from another, `padding` what was computed beside it."""

    row: _Row
    ids: list[int]
    last: int
    before: int
    shared: int = 0
    padding: int = 0
    hidden: torch.Tensor | None = None

    @property
    def missing(self) -> list[int]:
        """The tokens that are not in the row yet."""
        return self.ids[len(self.row.ids) :]


class TextRows:
    """A `GrowingBatch` whose texts have a row of a cache each."""

    def __init__(self, distributions: TextDistributions, style: MaskStyle, rows: int, observer: Observer) -> None:
        self._distributions = distributions
        self._backbone = distributions.backbone
        self._style = style
        self._observer = observer
        self._forward = batching.costs(self._backbone).forward
        self._slots = Slots(rows, self._backbone.device)
        self._slots.lengths = [0] * rows
        self._rows = [_Row(place, []) for place in range(rows)]
        self._texts: dict[int, _Row | None] = {}
        """The row of each text; None of one without tokens."""
        self._begun = 0

    @property
    def rows(self) -> int:
        """As `GrowingBatch.rows`."""
        return len(self._rows)

    def begin(self) -> int:
        """As `GrowingBatch.begin`."""
        if len(self._texts) == self.rows:
            raise ValueError(f"there are {self.rows} texts already, and room for no more")
        self._texts[self._begun] = None
        self._begun += 1
        return self._begun - 1

    def ids(self, text: int) -> Ids:
        """As `GrowingBatch.ids`."""
        row = self._row_of(text)
        return [] if row is None else list(row.ids)

    def cut(self, text: int, length: int) -> None:
        """As `GrowingBatch.cut`."""
        row = self._row_of(text)
        if not 0 <= length <= (have := len(row.ids) if row else 0):
            raise ValueError(f"cannot be cut to {length} tokens: there are {have}")
        if row is not None:
            self._cut(row, length)

    def end(self, text: int) -> None:
        """As `GrowingBatch.end`."""
        row = self._row_of(text)
        if row is not None:
            row.text = None
        del self._texts[text]

    def step(self, growths: Sequence[Growth]) -> list[Grown]:
        """As `GrowingBatch.step`; where it fails, no text has grown."""
        if len({growth.text for growth in growths}) < len(growths):
            raise ValueError("a text grows twice in one step")
        for growth in growths:
            if not 1 <= growth.last <= len(growth.ids):
                raise ValueError(f"{growth.last} distributions of {len(growth.ids)} new tokens")
            row = self._row_of(growth.text)
            self._distributions.check_length((len(row.ids) if row else 0) + len(growth.ids))
        readings = self._readings(growths)
        try:
            with torch.inference_mode():
                self._share([each for each in readings if not each.before])
                self._read(readings)
                return self._grown(readings)
        except BaseException:
            for reading in readings:
                self._cut(reading.row, reading.before)
            raise

    def _row_of(self, text: int) -> _Row | None:
        if text not in self._texts:
            raise ValueError(f"there is no text with the number {text}")
        return self._texts[text]

    def _cut(self, row: _Row, length: int) -> None:
        del row.ids[length:]
        self._slots.lengths[row.place] = min(self._slots.lengths[row.place], length)

    def _readings(self, growths: Sequence[Growth]) -> list[_Reading]:
        new = {growth.text: list(growth.ids) for growth in growths if self._texts[growth.text] is None}
        self._take_rows(new)
        found = []
        for growth in growths:
            row = self._texts[growth.text]
            assert row is not None  # noqa: S101 - taken above
            had = [] if growth.text in new else row.ids
            found.append(_Reading(row, [*had, *map(int, growth.ids)], growth.last, len(had)))
        return found

    def _take_rows(self, new: dict[int, list[int]]) -> None:
        """Give each new text the row that begins most like it; of several that one in which least is lost."""
        free = [row for row in self._rows if row.text is None]
        for text, ids in sorted(new.items(), key=lambda each: -max(_alike(row.ids, each[1]) for row in free)):
            row = max(free, key=lambda each: (_alike(each.ids, ids), -len(each.ids)))
            free.remove(row)
            row.text = text
            self._texts[text] = row

    # Beginnings that several texts have.

    def _share(self, readings: list[_Reading]) -> None:
        """Take what other texts have read of the same tokens, and let one of several new texts read what they share."""
        for reading in readings:
            reading.shared = min(_alike(reading.row.ids, reading.ids), len(reading.ids) - reading.last)
            self._cut(reading.row, reading.shared)
        ordered = sorted(readings, key=lambda each: each.ids)
        for place, reading in enumerate(ordered):
            donor = max(self._rows, key=lambda each: _alike(each.ids, reading.ids))
            alike = min(_alike(donor.ids, reading.ids), len(reading.ids) - reading.last)
            if alike > len(reading.row.ids):
                self._slots.copy(donor.place, reading.row.place, alike)
                reading.row.ids = reading.ids[:alike]
                reading.shared = alike
            for follower in ordered[place + 1 : place + 2]:
                common = min(_alike(reading.ids, follower.ids), len(reading.ids) - reading.last)
                if common - max(len(reading.row.ids), len(follower.row.ids)) > self._forward:
                    self._read_alone(reading, common)

    # Forward passes.

    def _read(self, readings: list[_Reading]) -> None:
        """Read what is missing: rows of about one length in one forward pass."""
        ordered = sorted(readings, key=lambda each: -len(each.missing))
        budget = self._distributions.budget(self._observer)
        lengths = [len(each.missing) for each in ordered]
        sizes = batching.batch_sizes(lengths, lambda longest: max(1, budget.tokens // longest), self._forward)
        waiting = []
        for size in sizes:
            waiting.append(ordered[:size])
            ordered = ordered[size:]
        waiting.reverse()
        while waiting:
            group = waiting.pop()
            if len(group) == 1:
                self._read_alone(group[0], len(group[0].ids))
            elif not self._read_together(group):
                budget.halve(len(group) * len(group[0].missing))
                half = len(group) // 2
                waiting += [group[half:], group[:half]]

    def _read_together(self, group: list[_Reading]) -> bool:
        """Read in one forward pass; False where memory ran out."""
        self._observer.check()
        group = sorted(group, key=lambda each: each.row.place)  # rows that lie together need not be copied
        rows, missing = [each.row.place for each in group], [each.missing for each in group]
        forward = functools.partial(extend_rows, self._backbone, self._style, self._slots, rows, missing)
        hidden = unless_out_of_memory(lambda: self._distributions.compute(forward), self._backbone.device)
        if hidden is None:
            return False
        most = hidden.shape[1]
        self._observer.tokens(len(group) * most)
        for reading, states, new in zip(group, hidden, missing, strict=True):
            reading.hidden = states[len(new) - reading.last : len(new)]
            reading.padding += most - len(new)
            reading.row.ids = reading.ids
        return True

    def _read_alone(self, reading: _Reading, length: int) -> None:
        """Read one row up to a length, in as many pieces as the budget takes."""
        self._observer.check()
        row, ids = reading.row, reading.ids[:length]

        def forward(piece: torch.Tensor) -> torch.Tensor:
            return extend_rows(self._backbone, self._style, self._slots, [row.place], piece.tolist())[0]

        before = len(row.ids)
        missing = torch.tensor([ids[before:]], device=self._backbone.device)
        budget = self._distributions.budget(self._observer)
        try:
            hidden = self._distributions.compute(
                lambda: run_in_pieces(forward, missing, before, budget, self._observer)
            )
        except OutOfMemoryError as error:
            if self.rows == 1:
                raise
            raise BatchTooLargeError(str(error)) from error
        row.ids = ids
        reading.hidden = hidden[len(hidden) - reading.last :]

    def _grown(self, readings: list[_Reading]) -> list[Grown]:
        hidden = torch.cat([reading.hidden for reading in readings if reading.hidden is not None])
        chunks = list(self._distributions.chunks_of_logits(hidden))
        logprobs, sums = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        found, first = [], 0
        for reading in readings:
            rows = slice(first, first + reading.last)
            read = len(reading.ids) - reading.before
            found.append(Grown(logprobs[rows], read, reading.shared, reading.padding, sums[rows]))
            first = rows.stop
        return found


def _alike(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    same, most = 0, min(len(first), len(second))
    while same < most:  # slices are compared much faster than tokens one by one
        middle = (same + most + 1) // 2
        if first[same:middle] == second[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same
