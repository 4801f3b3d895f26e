"""Tasks made of people's own data when a run is resumed: found again, trusted by their content, or made anew."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.data import TASKS
from benchtui.runs.outcome import resume_command
from benchtui.settings.data_tables import NAME
from benchtui.tasks.catalogue import Catalogue
from benchtui.tasks.data.hub import HUB
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.data.trust import is_made, is_ours
from benchtui.tasks.resolve import resolve
from benchtui.text import one_line


def with_made_tasks(catalogue: Catalogue, plan: BenchmarkPlan, model: Path, run: str) -> Catalogue:
    """Return `catalogue` with the tasks that `plan` has of people's own data; `model` is the folder that the run lies
    in, `run` its name. What the plan permits has to be allowed again before this is called.

    A plan and all that it names may come from anybody: a task file counts only where its content is one that we would
    write, and where it asks what the plan asked. Where there is none, it is made again from the data. Raises
    BenchtuiError where the data are gone or have changed.
    """
    for spec in plan.data:
        if NAME.fullmatch(spec.name) is None:
            raise BenchtuiError(f"The plan of {run} has a task without a name that files can have.")
        catalogue, _ = catalogue.with_file(_task_file(catalogue, plan, spec, model, run))
    return catalogue


def tasks_folder_of(model: Path) -> Path:
    """Return the folder tasks/ beside the outputs/ that holds the folder `model`, or where it would be."""
    beside = [parent / TASKS for parent in model.parents[1:3]]  # outputs/MODEL, or outputs/EXPERIMENT/MODEL
    return next((folder for folder in beside if folder.is_dir()), beside[0])


def _task_file(catalogue: Catalogue, plan: BenchmarkPlan, spec: DataSpec, model: Path, run: str) -> Path:
    wanted, folder = plan.task_digests.get(spec.name), tasks_folder_of(model)
    there = Path(plan.task_files.get(spec.name, ""))
    for file in (there, folder / f"{spec.name}.yaml"):
        if is_ours(file, spec.metrics) and _digest(catalogue, file, spec.name) == wanted:
            return file
    tampered = there.is_file() and not is_made(there)
    for source in _sources(spec, there, folder):
        again = msgspec.structs.replace(spec, source=source)
        # Other data may not take the place of a task that another run is about to load.
        with tempfile.TemporaryDirectory(prefix="benchtui-look-") as looked_at:
            made = _made_again(plan, again, Path(looked_at))
            same = made is not None and _digest(catalogue, made, spec.name) == wanted
        if same and (made := _made_again(plan, again, folder)) and _digest(catalogue, made, spec.name) == wanted:
            return made
    name, place = one_line(spec.name, 80), one_line(spec.source, 300)
    if tampered:
        raise BenchtuiError(
            f"The task {name} in {one_line(str(there), 300)} is not as it was made: code of others may run in it.",
            f"If you trust it: {resume_command(run, f'--include-path {one_line(str(there.parent), 300)}')}",
        )
    raise BenchtuiError(
        f"The data of {name} changed since this run was begun, or are gone: {place}.",
        "Put the file back, or start a new run with `benchtui run --no-resume`.",
    )


def _digest(catalogue: Catalogue, file: Path, name: str) -> str | None:
    """Return the digest of the task in `file`; None where it is another task."""
    try:
        there, found = catalogue.with_file(file)
        return resolve(there, [found]).digests[found] if found == name else None
    except UsageError:
        return None


def _sources(spec: DataSpec, task: Path, folder: Path) -> Iterator[str]:
    """Yield where the data may be: where they were, and in the same place of a project that was moved."""
    yield spec.source
    if not spec.source.startswith(HUB):
        project = task.parent.parent
        if Path(spec.source).is_relative_to(project) and project != folder.parent:
            yield str(folder.parent / Path(spec.source).relative_to(project))


def _made_again(plan: BenchmarkPlan, spec: DataSpec, folder: Path) -> Path | None:
    try:
        return make_task(spec, folder, offline=plan.offline, metric_code=plan.permissions.metric_code).file
    except BenchtuiError:
        return None  # gone, or no longer what it was: the caller says so
