"""Evaluate the GGUF files of one model one after another, each in a run of its own, to compare them with each other."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.backends.backend import Backend
from benchtui.benchmark.bases import find_unfinished
from benchtui.benchmark.directories import BenchRuns, lock_model, write_run_plan
from benchtui.benchmark.evaluate import evaluate
from benchtui.benchmark.frontend import Frontend
from benchtui.errors import ExitCode
from benchtui.models.layout import TrainedModel
from benchtui.models.quantizations import Family, WeightsFile
from benchtui.plans.benchmark import BenchmarkPlan, with_date_of
from benchtui.plans.choice import Choice
from benchtui.plans.command import run_arguments
from benchtui.plans.prepare import new_bench_id, prepare
from benchtui.plans.tasks import PlannedTasks
from benchtui.runs.directory import RunDirectory, benchmarks_folder, fine_tuned_runs, new_fine_tuned_run
from benchtui.runs.known import shown_name
from benchtui.runs.outcome import exit_code
from benchtui.runs.records import read_done, run_state
from benchtui.runs.result_files import has_results
from benchtui.supervise.control import Control
from benchtui.supervise.settings import supervise_settings
from benchtui.text import one_line


@dataclass(frozen=True)
class EvaluatedFiles:
    """The run of each file, None for one that left no results. `again` is the second run of the parent, which shows
    what changes by itself; None also where it was not asked for."""

    family: Family
    parent: RunDirectory | None
    others: tuple[RunDirectory | None, ...]
    again: RunDirectory | None
    exit_code: ExitCode


def evaluate_family(
    choice: Choice,
    backend: Backend,
    model: TrainedModel,
    family: Family,
    tasks: PlannedTasks,
    frontend: Frontend,
    control: Control,
    *,
    twice: bool,
) -> EvaluatedFiles:
    """Evaluate every file on the same tasks in the same way. A run that finished with exactly this plan is used again,
    an unfinished one is resumed; with `twice` the parent has two runs. All is planned before anything is started.

    Raises BenchtuiError where a file cannot be evaluated, before the first is.
    """
    files = [family.parent, *family.others, *([family.parent] if twice else [])]
    choice = dataclasses.replace(choice, backend=backend.name, base=None, compare=False, decide_early=None)
    plans = [_plan(choice, model, file, tasks, frontend, quiet=number > 0) for number, file in enumerate(files)]
    with lock_model(model.path, model.name):
        work = _Work(model.path, choice, frontend, control)
        runs: list[RunDirectory] = []
        for file, plan in zip(files, plans, strict=True):
            run = work.find(with_date_of(plan, runs[0].plan()) if runs else plan, file, taken=runs)
            runs.append(run)
            work.evaluate(run)
            if _ends_all(run, control, is_parent=run == runs[0]):
                break
    results = [run if has_results(run) else None for run in runs]
    results += [None] * (len(files) - len(results))
    count = len(family.others)
    code = ExitCode.INTERRUPTED if control.stop_requested else exit_code(runs)
    return EvaluatedFiles(family, results[0], tuple(results[1 : 1 + count]), results[-1] if twice else None, code)


def _ends_all(run: RunDirectory, control: Control, *, is_parent: bool) -> bool:
    """Return whether the files after this one are not evaluated: the user stopped it, or there is nothing to compare
    them with."""
    done = read_done(run)
    stopped = control.stop_requested or (done is not None and done.status == "cancelled")
    return stopped or (is_parent and not has_results(run))


def _plan(
    choice: Choice, model: TrainedModel, file: WeightsFile, tasks: PlannedTasks, frontend: Frontend, *, quiet: bool
) -> BenchmarkPlan:
    """Plan the run of one file; `quiet` leaves out what was said of the file before."""
    alone = dataclasses.replace(model, formats=(file.form,))
    named = dataclasses.replace(choice, model=str(file.form.path), format=None)
    choice = dataclasses.replace(named, command=("benchtui", "run", *run_arguments(named)))
    prepared = prepare(choice, alone, tasks)
    told = [*prepared.warnings] if quiet else [*prepared.notes, *prepared.warnings]
    for words in told:
        frontend.say(f"{file.label}: {words}")
    return msgspec.structs.replace(
        prepared.fine_tuned, role="model", model_name=one_line(f"{model.name} {file.label}", 200)
    )


class _Work:
    """Finds and evaluates the runs of one model folder, whose lock is held."""

    def __init__(self, model: Path, choice: Choice, frontend: Frontend, control: Control) -> None:
        self._benchmarks = benchmarks_folder(model)
        self._choice, self._frontend, self._control = choice, frontend, control

    def find(self, plan: BenchmarkPlan, file: WeightsFile, *, taken: Collection[RunDirectory]) -> RunDirectory:
        """Return the run for `plan`: one that finished or that is resumed, not one of `taken`; else a new one."""
        again = "again, " if any(run.plan().source == plan.source for run in taken) else ""
        runs = [run for run in fine_tuned_runs(self._benchmarks) if run not in taken]
        any_date = not taken
        for run in runs:  # the oldest, so that the next command finds the same
            if run_state(run) == "finished" and _same(plan, run, any_date=any_date):
                self._frontend.say(f"{file.label}: {again}results of {shown_name(run)} are used again.")
                return run
        made = [run for run in runs if (known := run.readable_plan()) and known.role == "model"]
        unfinished = find_unfinished(made, plan, any_date=any_date)
        if unfinished is not None and self._frontend.may_resume(unfinished):
            run = unfinished
            self._frontend.say(f"{file.label}: {again}{shown_name(run)} is resumed.")
            plan = with_date_of(plan, run.plan())
        else:
            run = new_fine_tuned_run(self._benchmarks, dt.datetime.now().astimezone())
            self._frontend.say(f"{file.label}: {again}evaluated in {shown_name(run)}.")
        write_run_plan(run, plan, new_bench_id(), None)
        return run

    def evaluate(self, run: RunDirectory) -> None:
        """Evaluate what is left of `run`, and say how that ended."""
        choice = self._choice
        settings = supervise_settings(
            choice.timeout,
            skip_stalled=choice.skip_stalled,
            workers=choice.workers,
            devices=choice.devices,
            cluster=choice.cluster,
        )
        for record in evaluate(BenchRuns(run, None), settings, self._control, self._watching).done.values():
            if record.status != "finished":
                self._frontend.say(f"{run.path}: {record.status}. {record.message}")

    def _watching(self, runs: Sequence[RunDirectory]) -> AbstractContextManager[Callable[[], None]]:
        return self._frontend.watch(runs, self._control)


def _same(plan: BenchmarkPlan, run: RunDirectory, *, any_date: bool) -> bool:
    known = run.readable_plan()
    return known is not None and not (with_date_of(plan, known) if any_date else plan).differences(known)
