"""Tells how the newest answers of a task were marked, right or wrong."""

from __future__ import annotations

import time
from collections import deque

from benchtui.runs.kinds.benchmark.events import Mark, Marked
from benchtui.worker.report import Reporter

INTERVAL = 0.5
"""Seconds between two events."""
SHOWN = 40
"""Marks in one event: of a faster worker the older ones are left out."""


class Marks:
    """The marks of one task's answers."""

    def __init__(self, reporter: Reporter, task: str) -> None:
        self._reporter = reporter
        self._task = task
        self._newest: deque[Mark] = deque(maxlen=SHOWN)
        self._told_at = 0.0

    def add(self, doc_id: int, right: bool | None, first_line: str) -> None:
        """Keep a mark for the next event, if it is then among the newest. `right` None: neither right nor wrong."""
        self._newest.append(Mark(doc_id, right, first_line))

    def tell(self, *, force: bool = False) -> None:
        """Tell the newest marks, at most twice a second unless `force`: call it when a batch of answers is marked."""
        now = time.monotonic()
        if self._newest and (force or now - self._told_at >= INTERVAL):
            self._told_at = now
            self._reporter.emit(Marked(task=self._task, marks=list(self._newest)))
            self._newest.clear()
