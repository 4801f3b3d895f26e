"""The threshold that a task's answers go by, where it is a quantile: measured once, and kept in the journal."""

from __future__ import annotations

from typing import Any

import msgspec

from benchtui.routing.rules import Settled
from benchtui.runs.journal.journal import Journal
from benchtui.worker.answering.settling import Measuring


def noted_threshold(journal: Journal, task: str) -> Settled | None:
    """Return what the threshold of a task has come to; None where it was not measured."""
    noted: Any = journal.noted(_of(task))
    return None if noted is None else msgspec.convert(noted, Settled)


def note_threshold(journal: Journal, task: str, measuring: Measuring, documents: int) -> Settled:
    """Keep what the threshold of a task has come to, measured in so many documents. Raises BenchtuiError where nothing
    was measured."""
    found = measuring.threshold()
    settled = Settled(str(found.asked), found.value, measuring.of, measuring.values, documents)
    journal.note(_of(task), msgspec.to_builtins(settled))
    return settled


def _of(task: str) -> str:
    return f"threshold of {task}"
