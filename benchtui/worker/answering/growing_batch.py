"""Texts of a model that grow one after another, asked as if they grew together."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.worker.answering.next_token import BatchGrower, GrowingBatch, GrowingText, Grown, Growth, TextGrower
from benchtui.worker.answering.protocol import Ids, Observer, Unobserved


def batch_of(model: TextGrower, rows: int | None, longest: int, observer: Observer, share: float = 1.0) -> GrowingBatch:
    """Return room for texts of a model, as `BatchGrower.grow_batch` does; for one at a time where it is none."""
    if isinstance(model, BatchGrower):
        return model.grow_batch(rows, longest, observer, share)
    return TextByText(model, observer)


class CountingObserver(Unobserved):
    """Counts the positions that a model computes, and passes on what it tells."""

    def __init__(self, to: Observer) -> None:
        self._to = to
        self.positions = 0

    def tokens(self, n: int) -> None:
        """As `Observer.tokens`."""
        self.positions += n
        self._to.tokens(n)

    def check(self) -> None:
        """As `Observer.check`."""
        self._to.check()

    def decision(self, what: str, choice: str, why: str) -> None:
        """As `Observer.decision`."""
        self._to.decision(what, choice, why)


class TextByText:
    """A `GrowingBatch` of one text at a time."""

    rows = 1

    def __init__(self, model: TextGrower, observer: Observer) -> None:
        self._model = model
        self._observer = CountingObserver(observer)
        self._text: tuple[int, GrowingText] | None = None
        self._begun = 0

    def begin(self) -> int:
        """As `GrowingBatch.begin`."""
        if self._text is not None:
            raise ValueError("there is a text already, and room for one only")
        self._text = (self._begun, self._model.grow(self._observer))
        self._begun += 1
        return self._text[0]

    def ids(self, text: int) -> Ids:
        """As `GrowingBatch.ids`."""
        return self._of(text).ids

    def step(self, growths: Sequence[Growth]) -> list[Grown]:
        """As `GrowingBatch.step`."""
        found = []
        for growth in growths:
            before = self._observer.positions
            logprobs = self._of(growth.text).step(growth.ids, growth.last)
            found.append(Grown(logprobs, self._observer.positions - before))
        return found

    def cut(self, text: int, length: int) -> None:
        """As `GrowingBatch.cut`."""
        self._of(text).cut(length)

    def end(self, text: int) -> None:
        """As `GrowingBatch.end`."""
        self._of(text)
        self._text = None

    def _of(self, text: int) -> GrowingText:
        if self._text is None or self._text[0] != text:
            raise ValueError(f"there is no text with the number {text}")
        return self._text[1]
