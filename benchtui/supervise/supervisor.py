"""Evaluates runs with watched workers, and leaves a done record for every run whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from benchtui.errors import UsageError
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord
from benchtui.supervise.cluster.launcher import ClusterLauncher
from benchtui.supervise.control import Control
from benchtui.supervise.launcher import Launcher, LocalLauncher
from benchtui.supervise.placement import Placement, placements
from benchtui.supervise.pool import Pool
from benchtui.supervise.recovery import Recovery
from benchtui.supervise.settings import SuperviseSettings, shared_worker
from benchtui.supervise.slot import Slot
from benchtui.supervise.watched import Watched

CLUSTER_LOG = "cluster.log"
"""What Ray says to the process connected to it, in run/."""


class Supervisor:
    """Runs that share a worker, evaluated until each has its done record: by one worker at a time or, where the
    settings ask for several, by several that each evaluate a part of every run's documents.

    Runs that are evaluated side by side, document by document, also end together: what is left of one is worth no more
    than what is left of the other. `on_tick` is called about twenty times a second from the supervising thread, for a
    display; if it raises, the run continues without it. Raises BenchtuiError when a run's directory cannot be written.
    """

    def __init__(
        self,
        runs: Sequence[RunDirectory],
        settings: SuperviseSettings,
        control: Control,
        on_tick: Callable[[], None] = lambda: None,
        launcher: Launcher | None = None,
    ) -> None:
        self._runs = runs
        self._shared = shared_worker(runs)
        self._settings = settings
        self._control = control
        self._on_tick = on_tick
        self._here = launcher or LocalLauncher()
        self._watched: list[Watched] = []

    def supervise(self) -> list[DoneRecord]:
        """Evaluate every run; returns their done records, in order."""
        if self._settings.cluster is None:
            local = self._settings
            placed = placements(local.workers, local.devices, models=local.models, sharing=local.sharing)
            self._evaluate(local, self._here, placed)
        else:
            with self._cluster(self._settings.cluster) as cluster:
                room = cluster.room
                self._evaluate(replace(self._settings, workers=room.workers), cluster, [room.placement] * room.workers)
        for watched in self._watched:
            watched.writer.close()
        return [watched.done for watched in self._watched if watched.done is not None]

    def _cluster(self, address: str) -> ClusterLauncher:
        if self._shared.python is not None:
            raise UsageError(
                "--python names an environment of this machine, and --cluster runs the worker on others.",
                "Start Ray there in the environment that the worker needs, and leave out --python.",
            )
        log = self._runs[0].records / CLUSTER_LOG
        return ClusterLauncher(address, log, workers=self._settings.workers, device=self._shared.device)

    def _evaluate(self, settings: SuperviseSettings, launcher: Launcher, placed: Sequence[Placement]) -> None:
        self._watched = [Watched.open_for_supervision(run, settings.workers) for run in self._runs]
        evaluator = partial(Pool, here=self._here) if settings.pooled else Slot
        evaluator(
            self._watched,
            self._shared,
            settings,
            self._control,
            launcher,
            placed,
            idle=self._idle,
            score=self._score,
        ).evaluate()

    def _score(self, watched: Watched) -> None:
        Recovery(
            watched,
            self._shared,
            self._here,  # also where the workers are on a cluster: what is scored lies here
            timeout=self._settings.timeout,
            idle=self._idle,
            hurry=lambda: self._control.kill_requested,
        ).score()

    def _idle(self, seconds: float) -> None:
        self._control.wait(seconds)
        try:
            self._on_tick()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a display, the run is worth more
            self._on_tick = lambda: None
            self._watched[0].tell(ev.Warned(message=f"The display failed and was switched off: {error!r}"))
