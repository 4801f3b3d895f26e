"""Evaluate the runs of one benchmark in worker processes, watched from start to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchtui.backends.registry import find_backend
from benchtui.benchmark.directories import BenchRuns
from benchtui.errors import ExitCode
from benchtui.files import unwritable
from benchtui.plans.benchmark import side_by_side
from benchtui.runs.directory import RunDirectory
from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import DoneRecord, wait_again
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor

Watching = Callable[[Sequence[RunDirectory]], AbstractContextManager[Callable[[], None]]]
"""Opens a display on runs; what it yields is called about twenty times a second."""


@dataclass(frozen=True)
class BenchOutcome:
    """How each run of one benchmark ended."""

    runs: BenchRuns
    done: dict[Path, DoneRecord]

    @property
    def exit_code(self) -> ExitCode:
        return exit_code_of(self.done.values())


def evaluate(
    runs: BenchRuns,
    settings: SuperviseSettings,
    control: Control,
    watching: Watching = lambda _: nullcontext(lambda: None),
) -> BenchOutcome:
    """Evaluate what has no results yet, in as few workers as the weights allow; call with the model's lock held."""
    pending = runs.to_evaluate
    done: dict[Path, DoneRecord] = {}
    for run in pending:
        try:
            wait_again(run)
        except OSError as error:
            raise unwritable(run.records, error) from error
    with control.graceful(), watching(pending) as tick:
        for group in _groups(pending, pooled=settings.pooled):
            supervisor = Supervisor(group, settings, control, tick)
            for run, record in zip(group, supervisor.supervise(), strict=True):
                done[run.path] = record
    return BenchOutcome(runs, done)


def _groups(runs: Sequence[RunDirectory], *, pooled: bool = False) -> list[list[RunDirectory]]:
    """Group the runs that share a worker: those with the same weights (a base and an adapter on it), and those that
    are evaluated together document by document. Where several workers decide early, a base has its scores first."""
    plans = [run.plan() for run in runs]
    if pooled and any(plan.decide_early is not None for plan in plans):
        return [[run] for run in runs]
    if side_by_side(plans):
        return [list(runs)]
    groups: dict[object, list[RunDirectory]] = {}
    for run in runs:
        plan = run.plan()
        apart = () if find_backend(plan.backend).switches else plan.source.places
        groups.setdefault((plan.source.loads, apart, plan.python), []).append(run)
    return list(groups.values())
