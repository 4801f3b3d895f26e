"""Whoever watches a model read texts: signs of life, how far it is, and whether it is told to stop."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.runs.kinds.tokens.events import TokensScored
from benchtui.tokens.records import TokenDocument
from benchtui.worker.guard import StopFlag
from benchtui.worker.report import Reporter
from benchtui.worker.watching import Watching

Values = NDArray[np.float32]

INTERVAL = 0.25
"""Seconds between two events that tell how far a model is."""


class PassObserver(Watching):
    """Tells the events of one model's pass over all texts."""

    def __init__(self, reporter: Reporter, stop: StopFlag, number: int, label: str, documents: int) -> None:
        super().__init__(reporter, stop)
        self._number = number
        self._label = label
        self._total = documents
        self._documents = self._positions = 0
        self._sums = {"entropy": 0.0, "surprisal": 0.0}
        self._counts = {"entropy": 0, "surprisal": 0}
        self._told = 0.0
        reporter.task = label

    def reading(self, documents: Sequence[tuple[int, TokenDocument]]) -> None:
        """Tell which documents are read from now on."""
        self._reporter.in_flight(self._label, [(number, document.place) for number, document in documents])

    def counted(self, documents: int, entropy: Values, logprob: Values) -> None:
        """Count documents whose tokens are scored, with the numbers of those tokens."""
        self._documents += documents
        self._positions += len(logprob)
        for name, values in (("entropy", entropy), ("surprisal", -logprob)):
            known = np.isfinite(values)
            self._sums[name] += float(values[known].sum(dtype=np.float64))
            self._counts[name] += int(known.sum())
        self.tell()

    def tell(self, *, force: bool = False) -> None:
        """Tell how far it is, a few times a second at most."""
        now = time.monotonic()
        if not force and now - self._told < INTERVAL:
            return
        self._told = now
        means = {name: self._sums[name] / count if count else None for name, count in self._counts.items()}
        self._reporter.emit(
            TokensScored(
                model=self._number,
                documents=self._documents,
                documents_total=self._total,
                positions=self._positions,
                entropy=means["entropy"],
                surprisal=means["surprisal"],
            )
        )
