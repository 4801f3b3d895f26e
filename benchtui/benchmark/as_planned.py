"""Resuming a run of another kind than a benchmark: by itself, as its plan says."""

from __future__ import annotations

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.trust import check_permissions
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.files import unwritable
from benchtui.plans.plan import Permissions
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.kind import Kind
from benchtui.runs.known import shown_name
from benchtui.runs.lock import FolderLock
from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import run_state, wait_again
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from benchtui.text import one_line


def resume_as_planned(
    run: RunDirectory,
    kind: Kind,
    allowed: Permissions,
    settings: SuperviseSettings,
    frontend: Frontend,
    control: Control,
) -> ExitCode:
    """Let a worker do what is left of `run`, and show it until it ends.

    A plan may come from anybody: what it may run or load is asked of the user anew (`allowed`). Raises BenchtuiError
    when that is less than the plan wants, when the run has finished or is running, and when this version does not have
    its kind.
    """
    name, plan = shown_name(run), run.header()
    if not kind.known:
        raise BenchtuiError(
            f"{name} is a run of the kind {one_line(kind.name, 40)}, which this benchtui does not have.",
            "Update benchtui, or install the package that it belongs to.",
        )
    check_permissions(plan, allowed, name)
    if run_state(run) == "finished":
        raise BenchtuiError(f"{name} has finished: there is nothing to resume.")
    for folder in (run.path, run.path.parent):
        if folder.is_symlink():  # a model folder may come from anybody, and results are written where it says
            raise BenchtuiError(f"{folder} is a link to another place.", "Replace it with a folder.")
    with FolderLock(run.model_lock, plan.model_name):
        try:
            wait_again(run)
        except OSError as error:
            raise unwritable(run.records, error) from error
        with control.graceful(), frontend.watch((run,), control) as tick:
            return exit_code_of(Supervisor([run], settings, control, tick).supervise())
