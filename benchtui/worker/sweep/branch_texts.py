"""The texts of one model behind the branches of a tree: rows of a batch, or one text at a time that is forked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from benchtui.routing.records import Cost
from benchtui.worker.answering.growing_batch import CountingObserver
from benchtui.worker.answering.next_token import GrowingText
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import Reading, ReadRows, SteppedBatch, SteppedModel, SteppedText


class BranchTexts(Protocol):
    """Texts of one model, each with a number."""

    def begin(self) -> int:
        """Begin a text."""

    def fork(self, text: int) -> int:
        """Begin a text that will be read as far as another one is, and further."""

    def read(self, wanted: Mapping[int, Ids]) -> list[ReadRows]:
        """Let some texts read what they miss of these tokens; returns the distribution after the last of each."""

    def end(self, text: int) -> Cost:
        """Forget a text; returns what it has cost: calls, and the positions that were computed."""


class InRows:
    """Texts in a batch, read in one call. One has a row from when it is first read until it ends. A fork takes what
    the other has read from that one's row, also from the row of a text that has ended, where it is not used again."""

    def __init__(self, batch: SteppedBatch) -> None:
        self._batch = batch
        self._texts: dict[int, SteppedText | None] = {}
        self._begun = 0

    def begin(self) -> int:
        """As `BranchTexts.begin`."""
        self._texts[self._begun] = None
        self._begun += 1
        return self._begun - 1

    def fork(self, text: int) -> int:  # noqa: ARG002 - the rows find each other by their tokens
        """As `BranchTexts.fork`."""
        return self.begin()

    def read(self, wanted: Mapping[int, Ids]) -> list[ReadRows]:
        """As `BranchTexts.read`."""
        return self._batch.rows_of([Reading(self._in_row(text), ids) for text, ids in wanted.items()])

    def end(self, text: int) -> Cost:
        """As `BranchTexts.end`."""
        in_row = self._texts.pop(text)
        if in_row is None:
            return Cost(self._batch.model.label)
        in_row.end()
        cost = in_row.cost(0)
        return Cost(cost.model, cost.calls, cost.positions - cost.shared + cost.padding)

    def _in_row(self, text: int) -> SteppedText:
        found = self._texts[text]
        if found is None:
            found = self._texts[text] = self._batch.begin()
        return found


class Forked:
    """Texts that are read one after another, where there is room for one: a fork shares the memory of the other one."""

    def __init__(self, model: SteppedModel) -> None:
        self._model = model
        self._observer = CountingObserver(model.observer)
        self._texts: dict[int, tuple[GrowingText, Cost]] = {}
        self._begun = 0

    def begin(self) -> int:
        """As `BranchTexts.begin`."""
        return self._add(self._model.grow(self._observer))

    def fork(self, text: int) -> int:
        """As `BranchTexts.fork`."""
        return self._add(self._texts[text][0].fork())

    def read(self, wanted: Mapping[int, Ids]) -> list[ReadRows]:
        """As `BranchTexts.read`."""
        found = []
        for number, ids in wanted.items():
            text, cost = self._texts[number]
            before = self._observer.positions
            rows = ReadRows(self._model.restricted(text.step(list(ids[len(text.ids) :]), last=1)))
            self._texts[number] = text, cost.plus(Cost(cost.model, 1, self._observer.positions - before))
            found.append(rows)
        return found

    def end(self, text: int) -> Cost:
        """As `BranchTexts.end`. Its memory is used again, so nothing here keeps it."""
        return self._texts.pop(text)[1]

    def _add(self, text: GrowingText) -> int:
        self._texts[self._begun] = text, Cost(self._model.label)
        self._begun += 1
        return self._begun - 1
