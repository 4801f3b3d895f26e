"""Tells the events of a run how far its model is, and ends the work where the run was told to stop."""

from __future__ import annotations

from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.guard import StopFlag
from benchtui.worker.report import Reporter


class Watching(Unobserved):
    """Tells a run's reporter what a model does, and raises StopRequested where the run was told to stop."""

    def __init__(self, reporter: Reporter, stop: StopFlag) -> None:
        self._reporter = reporter
        self._stop = stop

    def tokens(self, n: int) -> None:
        """Count computed tokens."""
        self._reporter.advance("tokens", n)
        self._stop.check()

    def check(self) -> None:
        """Stop waiting for the model where the run was told to stop."""
        self._stop.check()

    def decision(self, what: str, choice: str, why: str) -> None:
        """Tell what was chosen for the user."""
        self._reporter.decision(what, choice, why)

    def batch_size(self, rows: int, why: str) -> None:
        """Tell how many sequences are computed at once from now on."""
        self._reporter.batch_size(rows, why)
