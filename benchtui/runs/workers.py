"""What each of several workers of a run does now, as events say it; and which of many are worth showing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

Doing = Literal[
    "waiting for a place",
    "starting",
    "loading model",
    "loading task",
    "building prompts",
    "evaluating",
    "scoring",
    "writing",
    "waiting",
    "done",
    "stopped",
    "timed out",
    "failed",
]
"""Before a worker has a machine of a cluster; its phases; "waiting" for others, since nothing is left to give it; and
how its slot has ended."""

ENDED: frozenset[Doing] = frozenset({"done", "stopped", "timed out", "failed"})
LOST: frozenset[Doing] = frozenset({"timed out", "failed"})
"""Its slot has ended before the others', who answer what it had left."""
MOST_SHOWN = 16


class WorkerNow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One worker: `number` counts from 0, and names its slot and its shard.

    `documents` are those that were answered in its slot since the run was started, `rate` how many a second lately,
    while it evaluates.
    `starts` is how many workers its slot has had. `silent` are the seconds without a sign of life, once its watchdog is
    worried. `where` names its device or machine, "" where it has the processor of this one.
    """

    number: int
    doing: Doing
    task: str = ""
    documents: int = 0
    rate: float | None = None
    starts: int = 1
    silent: float | None = None
    where: str = ""


def worth_showing(workers: Sequence[WorkerNow], most: int = MOST_SHOWN) -> list[WorkerNow]:
    """Return at most so many of them, ordered by number: those that were lost, are silent or were replaced come first
    into the choice, then the slowest."""
    return sorted(sorted(workers, key=_less_notable)[:most], key=lambda worker: worker.number)


def _less_notable(worker: WorkerNow) -> tuple[bool, float, int, bool, float, int]:
    pace = math.inf if worker.rate is None else worker.rate
    lost = worker.doing in LOST
    return (not lost, -(worker.silent or 0.0), -worker.starts, worker.doing in ENDED, pace, worker.number)
