"""Resume an unfinished run of any kind: the way its kind names, or else by itself, as its plan says."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from benchtui.backends.registry import BUILT_IN
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.trust import check_permissions, trusted_environment
from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.files import unwritable
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.devices import agree, check_model_parallel, check_served
from benchtui.plans.plan import Permissions
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.kind import NothingCombined
from benchtui.runs.kinds.registry import kind_of
from benchtui.runs.known import shown_name
from benchtui.runs.lock import FolderLock
from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import run_state, wait_again
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from benchtui.text import one_line


@dataclass(frozen=True)
class ResumeChoice:
    """What the user says when resuming. A plan may come from anybody: what it may run or load is `allowed` anew, code
    of tasks is taken only from the `include_paths` that were given now, and another Python than benchtui's runs the
    worker only where `python`, or the user's own benchtui.toml, names it. `readme`: READMEs are updated.
    `devices` is what --devices was given, None for nothing, and `model_parallel` what --model-parallel was."""

    allowed: Permissions
    settings: SuperviseSettings
    include_paths: Sequence[Path] = ()
    python: str | None = None
    readme: bool = True
    devices: str | None = None
    model_parallel: int | Literal["auto"] | None = None


class ResumeKind(Protocol):
    """The function that a kind of run names as its `resume`."""

    def __call__(
        self, run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control, /
    ) -> ExitCode: ...


def resume(run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control) -> ExitCode:
    """Do what is left of `run`, and show it until it ends.

    Raises BenchtuiError where the user allows less than the plan wants, when the run has no plan, has finished or is
    running, and when this version does not have its kind.
    """
    if not run.exists():
        raise BenchtuiError(f"{run.path} has no plan, so it cannot be resumed.", "Start a new run with `benchtui run`.")
    kind = kind_of(run)
    if not kind.known:
        raise BenchtuiError(
            f"{shown_name(run)} is a run of the kind {one_line(kind.name, 40)}, which this benchtui does not have.",
            "Update benchtui, or install the package that it belongs to.",
        )
    _check_workers(run, choice)
    resume_kind: ResumeKind = pkgutil.resolve_name(kind.resume) if kind.resume else _resume_as_planned
    return resume_kind(run, choice, frontend, control)


def _check_workers(run: RunDirectory, choice: ResumeChoice) -> None:
    """Raise UsageError for workers or devices that this run has no use for, or that its plan contradicts."""
    kind, plan = kind_of(run), run.header()
    if choice.settings.pooled and kind.combine is NothingCombined:
        raise UsageError(
            f"A run of the kind {one_line(kind.name, 40)} has one worker: its parts are not independent of each other.",
            "Give --workers 1, one of --devices at most, and no --cluster.",
        )
    backend = BUILT_IN.get(getattr(plan, "backend", ""))
    if backend is not None:
        check_served(backend, choice.settings.workers, choice.devices, choice.settings.cluster)
        check_model_parallel(
            backend, choice.model_parallel, plan.prompts.model_args if isinstance(plan, BenchmarkPlan) else {}
        )
    if choice.devices is not None and (
        not agree(plan.device, choice.devices) or (plan.device == "auto" and choice.devices == "cpu")
    ):
        raise UsageError(
            f"This run was planned with --device {one_line(plan.device, 60)}, and --devices "
            f"{one_line(choice.devices, 200)} would put it somewhere else.",
            "Leave out --devices, or start a new run.",
        )


def check_unfinished(run: RunDirectory) -> None:
    """Raise BenchtuiError where there is nothing to resume, or `check_place` does."""
    if run_state(run) == "finished":
        raise BenchtuiError(f"{shown_name(run)} has finished: there is nothing to resume.")
    check_place(run)


def check_place(run: RunDirectory) -> None:
    """Raise BenchtuiError where a run would be written to another place than it seems."""
    for folder in (run.path, run.path.parent):
        if folder.is_symlink():  # a model folder may come from anybody, and results are written where it says
            raise BenchtuiError(f"{folder} is a link to another place.", "Replace it with a folder.")


def _resume_as_planned(run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control, /) -> ExitCode:
    """Let a worker do what is left of the plan, which needs nothing but what it holds."""
    name, plan = shown_name(run), run.header()
    check_permissions(plan, choice.allowed, name)
    if trusted_environment(plan, choice.python, name).python != plan.python:
        raise BenchtuiError(f"{name} can only be resumed with the Python {one_line(plan.python or 'own', 500)}.")
    check_unfinished(run)
    with FolderLock(run.model_lock, plan.model_name):
        try:
            wait_again(run)
        except OSError as error:
            raise unwritable(run.records, error) from error
        with control.graceful(), frontend.watch((run,), control) as tick:
            return exit_code_of(Supervisor([run], choice.settings, control, tick).supervise())
