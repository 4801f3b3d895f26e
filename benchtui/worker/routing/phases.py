"""How much of the time that two models compute goes to prompts, and how much to what they write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchtui.worker.answering.protocol import Observer
from benchtui.worker.answering.stepped import Reading


class Phases:
    """Tells an observer what was read and written, and in which time; that of a call which reads a prompt and more is
    divided by tokens."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._reading = self._writing = 0.0

    @contextmanager
    def measured(self, readings: Sequence[Reading], prompts: Sequence[int]) -> Iterator[None]:
        """While open, one model reads texts, which begin with `prompts` of so many tokens."""
        before = [reading.text.length for reading in readings]
        tokens = sum(len(reading.ids) - length for reading, length in zip(readings, before, strict=True))
        fresh = sum(max(0, prompt - length) for prompt, length in zip(prompts, before, strict=True))
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        self._reading += took * fresh / tokens
        self._writing += took * (1 - fresh / tokens)

    def tell(self, read: int, written: int) -> None:
        """Tell the observer that so many tokens of prompts were read, by both models, and so many tokens written in the
        time measured since it was told last."""
        if read:
            self._observer.prefilled(read, self._reading)
        if written:
            self._observer.decoded(written, self._writing)
            self._writing = 0.0
        self._reading = 0.0
