"""What events say of several workers, bounded: numbers and texts from a file are no more than they may be."""

from __future__ import annotations

import math
from typing import get_args

import msgspec

from benchtui.runs.events import Workers
from benchtui.runs.follow.view import WorkersView, count
from benchtui.runs.workers import MOST_SHOWN, Doing, WorkerNow
from benchtui.text import one_line

_IN_ORDER: tuple[Doing, ...] = get_args(Doing)
NAME = 60


def bounded_workers(event: Workers) -> WorkersView:
    """Return the workers of an event."""
    counts = tuple((doing, found) for doing in _IN_ORDER if (found := count(event.counts.get(doing, 0))))
    shown = tuple(_bounded(worker) for worker in event.workers[:MOST_SHOWN])
    return WorkersView(count(event.total), counts, shown, event.t)


def _bounded(worker: WorkerNow) -> WorkerNow:
    return msgspec.structs.replace(
        worker,
        number=count(worker.number),
        task=one_line(worker.task, NAME),
        documents=count(worker.documents),
        rate=_positive(worker.rate),
        starts=count(worker.starts),
        silent=_positive(worker.silent),
        where=one_line(worker.where, NAME),
    )


def _positive(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) and number > 0 else None
