"""Sweep over the thresholds of a small and a large model: from what the user chose to a run with its file."""

from __future__ import annotations

import dataclasses
import datetime as dt

import msgspec

from benchtui.backends.registry import find_backend
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.tokens import TokensOutcome, supervise
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.layout import TrainedModel
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.plan import read_plan, write_plan
from benchtui.plans.prepare import new_bench_id, prepare
from benchtui.plans.sweep import SweepPlan, check_strategy, read_thresholds, sweep_command, sweep_plan
from benchtui.plans.tasks import plan_tasks
from benchtui.reports.own_data import about_tasks
from benchtui.runs.directory import RunDirectory, new_run
from benchtui.runs.kinds.sweep.kind import SWEEP
from benchtui.runs.known import model_runs, shown_name
from benchtui.runs.lock import FolderLock
from benchtui.runs.records import run_state
from benchtui.settings.config import load_config
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.tasks.catalogue import load_catalogue


def sweep_thresholds(choice: Choice, thresholds: str, frontend: Frontend, control: Control) -> TokensOutcome:
    """Evaluate both models of a choice at all `thresholds` (as somebody typed them), and show it until it ends.

    Raises UsageError for a choice that makes no sense, BenchtuiError where nothing can be started.
    """
    asked = read_thresholds(thresholds)
    if choice.repeats > 1:
        raise UsageError("A sweep writes one answer to each document.", "Leave out --repeats.")
    choice = dataclasses.replace(choice, compare=False, base=None, decide_early=None)
    backend = find_backend(choice.backend)
    model = backend.find(choice.outputs, choice.model, access_of(choice, backend))
    tasks = plan_tasks(choice, load_config(), load_catalogue(choice.include_paths, frontend.reading_tasks))
    prepared = prepare(choice, model, tasks)
    plan = sweep_plan(prepared.fine_tuned, asked, sweep_command(choice, thresholds))
    check_strategy(plan.strategy)
    for line in (*about_tasks(tasks.made), *prepared.notes, *(f"Warning: {words}." for words in prepared.warnings)):
        frontend.say(line)
    run = _run_of(model, plan, frontend)
    with FolderLock(run.model_lock, plan.model_name):
        write_plan(run.plan_file, msgspec.structs.replace(plan, bench_id=new_bench_id()))
        return TokensOutcome(
            run, supervise(run, SuperviseSettings(choice.timeout, choice.skip_stalled), frontend, control)
        )


def _run_of(model: TrainedModel, plan: SweepPlan, frontend: Frontend) -> RunDirectory:
    """Return the newest unfinished run of the same plan, where the user wants that, else a new one."""
    folder = model.path / SWEEP.folder
    runs = [known.run for known in model_runs(model.path) if not known.problem and known.run.path.parent == folder]
    for run in sorted(runs, key=lambda run: run.path.name, reverse=True):
        if run.path.is_symlink() or folder.is_symlink() or not _is_unfinished(run, plan):
            continue
        if not frontend.may_resume(run):
            break
        frontend.say(f"{shown_name(run)} is resumed: what it has is not computed again.")
        return run
    return new_run(folder, dt.datetime.now().astimezone())


def _is_unfinished(run: RunDirectory, plan: SweepPlan) -> bool:
    try:
        theirs = read_plan(run.plan_file, SweepPlan)
    except BenchtuiError:
        return False  # `benchtui runs` says what is wrong with it
    return theirs.fingerprint == plan.fingerprint and run_state(run) not in ("finished", "running")
