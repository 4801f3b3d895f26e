"""What each of several models that are evaluated at the same time gets of the machine, and which may start."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchtui.benchmark.directories import BenchRuns
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.layout import TrainedModel
from benchtui.plans.benchmark import BenchmarkPlan, with_date_of
from benchtui.plans.prepare import PreparedBench
from benchtui.runs.records import asked_everything
from benchtui.supervise.settings import SuperviseSettings

LOOK_EVERY = 0.5
"""Seconds between looks at whether a model that waits may start."""


def models_at_once(asked: int | Literal["auto"], settings: SuperviseSettings, models: int) -> int:
    """Return how many models are evaluated at the same time: one for each device where nothing else is said. Raises
    UsageError for several on a cluster."""
    if settings.cluster is not None and asked not in ("auto", 1):
        raise UsageError(
            f"--models-at-once {asked}: on a cluster models are evaluated one after another, each on all of it.",
            "Leave out --models-at-once.",
        )
    wanted = max(1, len(settings.devices)) if asked == "auto" else asked
    return max(1, min(wanted, models))


def lanes_of(settings: SuperviseSettings, at_once: int, workers: int | Literal["auto"]) -> list[SuperviseSettings]:
    """Return the settings with which each of `at_once` models is evaluated: the devices are dealt out, and where there
    are more models than devices some share one."""
    devices, lanes = settings.devices, []
    for number in range(at_once):
        own = devices[number::at_once] or devices[number % len(devices) : number % len(devices) + 1] if devices else ()
        sharing = at_once if not devices else len(range(number % len(devices), at_once, len(devices)))
        each = max(1, len(own)) if workers == "auto" else workers
        lane = dataclasses.replace(settings, devices=own, workers=each, models=at_once, sharing=sharing)
        lanes.append(lane)
    return lanes


@dataclass
class Job:
    """One model: what it is prepared to, and, once they are laid out, its runs."""

    model: TrainedModel
    prepared: PreparedBench | None = None
    runs: BenchRuns | None = None
    lane: SuperviseSettings | None = None

    @property
    def base(self) -> BenchmarkPlan | None:
        """The plan of its base."""
        return self.prepared.base if self.prepared is not None else None

    @property
    def has_base(self) -> bool:
        """Whether its base has results that another model may use."""
        runs = self.runs
        return runs is not None and (runs.base is None or runs.reused or asked_everything(runs.base))


class Waiting:
    """The models that wait for a lane. `prepare` is called for each, one at a time.

    A model waits while its base is evaluated for another model, whose results it will use, and while it does not fit
    into memory beside the models that are being evaluated: `fits` is given the jobs on the same devices, its own job
    last. Others may start before it.
    """

    def __init__(
        self,
        models: Sequence[TrainedModel],
        *,
        prepare: Callable[[Job], PreparedBench],
        skip: Callable[[Job, BenchtuiError], None],
        fits: Callable[[Sequence[Job]], bool],
        stop_requested: Callable[[], bool],
    ) -> None:
        self._waiting = [Job(model) for model in models]
        self._running: list[Job] = []
        self._with_base: list[Path] = []
        self._prepare, self._skip, self._fits, self._stop_requested = prepare, skip, fits, stop_requested
        self._changed = threading.Condition()

    def take(self, lane: SuperviseSettings) -> Job | None:
        """Return the next model that may start, once there is one; None when none is left, and after a stop."""
        with self._changed:
            while self._waiting and not self._stop_requested():
                for job in tuple(self._waiting):
                    if self._stop_requested() or not self._is_prepared(job):
                        continue
                    job.lane = lane
                    if self._may_start(job):
                        self._waiting.remove(job)
                        self._running.append(job)
                        return job
                self._changed.wait(LOOK_EVERY)
        return None

    def end(self, job: Job) -> None:
        """Say that `job` has ended, whatever became of it."""
        with self._changed:
            self._running.remove(job)
            if job.has_base:
                self._with_base.append(job.model.path)
            self._changed.notify_all()

    def evaluated(self) -> list[Path]:
        """Return the folders of the models whose base has results since the command began."""
        with self._changed:
            return [*self._with_base, *(job.model.path for job in self._running if job.has_base)]

    def _is_prepared(self, job: Job) -> bool:
        if job.prepared is None:
            try:
                job.prepared = self._prepare(job)
            except BenchtuiError as error:
                self._waiting.remove(job)
                self._skip(job, error)
        return job.prepared is not None

    def _may_start(self, job: Job) -> bool:
        if any(_same_base(job, other) and not other.has_base for other in self._running):
            return False
        beside = [other for other in self._running if other.lane is not None and _shares(job, other)]
        return not beside or self._fits([*beside, job])


def _shares(job: Job, other: Job) -> bool:
    """Whether both are on the same device, or both on the processor."""
    own, others = (set(one.lane.devices) if one.lane is not None else set() for one in (job, other))
    return bool(own & others) or not (own or others)


def _same_base(job: Job, other: Job) -> bool:
    """Whether the results of one's base would be those of the other's."""
    if job.base is None or other.base is None:
        return False
    return not with_date_of(job.base, other.base).differences(other.base, tasks="subset")
