"""What a run tells of its workers, for the tests of whatever shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchtui.runs import events as ev
from benchtui.runs.workers import WorkerNow

TWO = (
    WorkerNow(0, "evaluating", "gsm8k", documents=180, rate=2.4),
    WorkerNow(1, "evaluating", "gsm8k", documents=156, rate=2.1, starts=2),
)
EIGHT = (
    WorkerNow(0, "evaluating", "gsm8k", documents=42, rate=2.4, where="GPU 0"),
    WorkerNow(1, "evaluating", "gsm8k", documents=44, rate=2.6, where="GPU 1"),
    WorkerNow(2, "failed", documents=12, starts=3, where="GPU 2"),
    WorkerNow(3, "evaluating", "gsm8k", documents=45, rate=2.5, where="GPU 3"),
    WorkerNow(4, "evaluating", "gsm8k", documents=9, silent=90.0, where="GPU 4"),
    WorkerNow(5, "loading model", documents=40, starts=2, where="GPU 5"),
    WorkerNow(6, "waiting", documents=61, where="GPU 6"),
    WorkerNow(7, "building prompts", "mmlu_anatomy", documents=83, where="GPU 7"),
)


def workers(found: Sequence[WorkerNow], total: int | None = None) -> ev.Workers:
    """The event that names these workers, of `total` that do the same."""
    counts = Counter[str](worker.doing for worker in found)
    if total is not None:
        counts["evaluating"] += total - len(found)
    return ev.Workers(total=total or len(found), counts=dict(counts), workers=list(found))
