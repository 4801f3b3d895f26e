"""What a supervisor is told: how patient it is with its workers, and what it has to know of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchtui.plans.environment import worker_environment
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import kind_of, read_kind


@dataclass(frozen=True)
class SuperviseSettings:
    """`timeout` in seconds without a sign of life, None for none; `skip_stalled` gives up on stalled documents;
    `grace` in seconds is what a worker gets to stop by itself; `workers` evaluate a run's documents at the same time,
    each a part of them."""

    timeout: float | None = None
    skip_stalled: bool = False
    grace: float = 10.0
    workers: int = 1


@dataclass(frozen=True)
class SharedWorker:
    """What runs need that are evaluated by the same worker: its module, its environment, and whether it evaluates them
    side by side, so that they also end together."""

    module: str
    environment: Mapping[str, str]
    side_by_side: bool


def shared_worker(runs: Sequence[RunDirectory]) -> SharedWorker:
    """What the plans of `runs` say of their worker. Raises BenchtuiError for a plan that cannot be read."""
    kind, plans = kind_of(runs[0]), [read_kind(run)[1] for run in runs]
    return SharedWorker("benchtui.worker", worker_environment(plans), kind.side_by_side(plans))
