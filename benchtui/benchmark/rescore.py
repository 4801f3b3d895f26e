"""Score the stored answers of a run again, with a corrected task or another metric: no model is asked.

The new result is a run of its own, which names its source; the old one stays as it is. The tasks must ask what was
answered, word for word: one that asks anything else is refused.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchtui.benchmark.directories import lock_model, write_run_plan
from benchtui.benchmark.own_documents import check_same_documents
from benchtui.benchmark.trust import check_arguments, check_permissions, trusted_tasks
from benchtui.compare.history.notes import write_note
from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Permissions
from benchtui.plans.prepare import new_bench_id
from benchtui.python_environment import OWN
from benchtui.runs.directory import RunDirectory, named_base, new_fine_tuned_run
from benchtui.runs.events import Results
from benchtui.runs.journal.journal import Journal
from benchtui.runs.journal.shards import answered_in, gather_journals
from benchtui.runs.kinds.benchmark.task_data import keep_data
from benchtui.runs.known import model_folder, shown_name
from benchtui.runs.records import read_done, run_state
from benchtui.supervise.control import Control
from benchtui.supervise.launcher import LocalLauncher
from benchtui.supervise.recovery import Recovery
from benchtui.supervise.settings import shared_worker
from benchtui.supervise.watched import Watched
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.data.make import make_task
from benchtui.tasks.resolve import ResolvedTasks, resolve
from benchtui.text import one_line

Said = Callable[[str], None]


@dataclass(frozen=True)
class Rescoring:
    """What answers are scored by: `task_files` are YAMLs of tasks of the run, `metrics` those of tasks that were made
    of the user's own data; `include_paths` and `allowed` as when a run is resumed. `command` was typed."""

    task_files: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    include_paths: tuple[Path, ...] = ()
    allowed: Permissions = field(default_factory=Permissions)
    command: tuple[str, ...] = ()


def rescore(run: RunDirectory, how: Rescoring, say: Said, control: Control) -> list[RunDirectory]:
    """Score the answers of `run`, and of the base that it is compared with, again; returns the new runs, the base's
    first.

    Raises UsageError for tasks that are none of the run's, BenchtuiError where a run is running, may have stopped
    early, holds no answers, or cannot be scored.
    """
    plan = run.plan()
    model = model_folder(run)
    base = named_base(model / BENCHMARKS, plan) if plan.role == "fine-tuned" else None
    sources = [found for found in (base, run) if found is not None and found.exists()]
    for source in sources:
        _check(source)
    with lock_model(model, model.name):
        return [_rescored(source, model, how, say, control) for source in sources]


def _check(run: RunDirectory) -> None:
    """Raise BenchtuiError where the answers of a run cannot be scored in another way."""
    name, plan, done = shown_name(run), run.plan(), read_done(run)
    if run_state(run) == "running":
        raise BenchtuiError(f"{name} is running.", "Wait, or stop it with `benchtui cancel`.")
    if plan.decide_early is not None or (done is not None and done.early):
        raise BenchtuiError(
            f"{name} could stop early: where it stopped holds for the metrics that it watched, not for others.",
            "Evaluate it without --decide-early first.",
        )
    if not answered_in(run):
        raise BenchtuiError(f"{name} holds no answers.", "Runs of lm-eval alone, and deleted journals, have none.")


def _rescored(source: RunDirectory, model: Path, how: Rescoring, say: Said, control: Control) -> RunDirectory:
    name, plan = shown_name(source), source.plan()
    new = new_fine_tuned_run(model / BENCHMARKS, dt.datetime.now().astimezone())
    by = ", ".join([*(one_line(str(path), 200) for path in how.task_files), *how.metrics]) or "the tasks of today"
    try:
        planned, doubts = _planned(source, plan, model, new, how)
        write_run_plan(new, planned, new_bench_id(), None)
        _take_answers(source, new, planned)
        write_note(new, f"The answers of {name}, scored again with {by}.{doubts}")
        _score(new, control)
    except BaseException:
        shutil.rmtree(new.path, ignore_errors=True)  # it has nothing that its source has not
        raise
    say(f"{name} was scored again with {by}: {shown_name(new)}{doubts and '.'}{doubts}")
    return new


def _take_answers(source: RunDirectory, new: RunDirectory, plan: BenchmarkPlan) -> None:
    try:
        gather_journals(source)
        with Journal(source.journal, read_only=True) as answers, Journal(new.journal) as journal:
            journal.bind(plan.bound_facts())
            journal.take(answers)
            keep_data(journal, {})  # the documents that they are now scored with are the worker's to tell
    except sqlite3.Error as error:
        raise BenchtuiError(f"The answers of {shown_name(source)} cannot be copied: {error}.") from error


def _planned(
    source: RunDirectory, plan: BenchmarkPlan, model: Path, new: RunDirectory, how: Rescoring
) -> tuple[BenchmarkPlan, str]:
    """Return the plan with the tasks that answers are now scored by, and what of their data is not known to be as it
    was, as sentences. A run with it is never the model's result."""
    doubts = ""
    name = shown_name(source)
    check_permissions(plan, how.allowed, name)
    check_arguments(plan, how.allowed)
    data = plan.data
    files = list(how.task_files)
    if how.metrics:
        if not data:
            raise UsageError(
                f"No task of {name} was made of your own data, and --metric is for those.",
                "Correct the task's file, and give it with --task-yaml.",
            )
        data = tuple(msgspec.structs.replace(spec, metrics=how.metrics) for spec in data)
        allowed = how.allowed.metric_code
        made = [make_task(spec, new.path / "tasks", offline=plan.offline, metric_code=allowed) for spec in data]
        for spec, task in zip(plan.data, made, strict=True):
            if said := check_same_documents(source, spec, task, metric_code=allowed):
                doubts += f" {said}"
        files += [task.file for task in made]
    tasks = _tasks(plan, name, model, files, how.include_paths)
    if tasks.unsafe and not how.allowed.unsafe_code:
        raise UsageError(
            f"{', '.join(tasks.unsafe[:3])} executes code that the model wrote.",
            "Allow it for this run with --confirm-unsafe-code.",
        )
    base = f"{plan.model_name} base" if plan.role == "base" else plan.model_name
    planned = msgspec.structs.replace(
        plan,
        role="model",
        model_name=one_line(base, 200),
        data=data,
        task_files=dict(tasks.task_files),
        task_digests={task: tasks.digests[task] for task in tasks.leaves},
        leaves=dict(tasks.leaves),
        include_paths=tuple(str(path.resolve()) for path in how.include_paths),
        lm_eval_version=OWN.version_of("lm_eval") or "",
        python=None,
        permissions=how.allowed,
        created=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        command=how.command,
    )
    return planned, doubts


def _tasks(
    plan: BenchmarkPlan, name: str, model: Path, files: Sequence[Path], include_paths: Sequence[Path]
) -> ResolvedTasks:
    """Resolve the plan's tasks, those in `files` before others of their names. Raises UsageError for a file whose task
    is none of the run's."""
    leaves = {leaf for found in plan.leaves.values() for leaf in found}
    catalogue: Catalogue = load_catalogue(include_paths)
    given = set[str]()
    for file in files:
        catalogue, task = catalogue.with_file(file)
        if task not in leaves and task not in plan.leaves:
            raise UsageError(
                f"{one_line(str(file), 200)} defines {one_line(task, 80)}, which {name} was not asked.",
                f"It was asked {one_line(', '.join(sorted(leaves)), 300)}.",
            )
        given.add(task)
    if all(task.name in given for task in plan.tasks):  # nothing of the run's own files is read
        return resolve(catalogue, [task.name for task in plan.tasks])
    known = trusted_tasks(plan, include_paths, name, model)
    for task in known.task_files:
        if task not in given and task not in catalogue:
            catalogue, _ = catalogue.with_file(Path(known.task_files[task]))
    return resolve(catalogue, [task.name for task in plan.tasks])


def _score(run: RunDirectory, control: Control) -> None:
    """Score a run that has its answers, by a worker without a model, and write how that ended."""
    watched = Watched.open_for_supervision(run)
    try:
        Recovery(
            watched,
            shared_worker([run]),
            LocalLauncher(),
            timeout=None,
            idle=control.wait,
            hurry=lambda: control.kill_requested,
        ).score()
        found = watched.results
        if not isinstance(found, Results):
            why = watched.failed.message if watched.failed is not None else "The worker ended without a result."
            raise BenchtuiError(
                f"The answers could not be scored again: {why}",
                "Give tasks that ask what was answered, or evaluate the model anew.",
            )
        watched.close(
            "partial" if found.partial else "finished",
            "Not every question of these tasks has an answer." if found.partial else "",
        )
    finally:
        watched.writer.close()
