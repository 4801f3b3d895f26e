"""The tasks of a run: those of the suite or those named, and those that are made of the user's own data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.data import check_examples, make_tasks, own_data
from benchtui.settings.config import Config
from benchtui.settings.rows import NO_SUITE
from benchtui.tasks.catalogue import Catalogue
from benchtui.tasks.data.make import Arrived
from benchtui.tasks.data.spec import DataSpec, MadeTask
from benchtui.tasks.resolve import ResolvedTasks, resolve
from benchtui.tasks.suites import Suite, TaskPlan, find_suite, is_suite, notes_on


@dataclass(frozen=True)
class PlannedTasks:
    """The tasks of a run; `suite` is the one that they are, None for tasks by name. `notes` as in PreparedBench. `made`
    are the tasks that were made of the user's own `data`, in the same order."""

    plans: tuple[TaskPlan, ...]
    resolved: ResolvedTasks
    suite: str | None
    notes: tuple[str, ...] = ()
    data: tuple[DataSpec, ...] = ()
    made: tuple[MadeTask, ...] = ()


def plan_tasks(
    choice: Choice,
    config: Config,
    catalogue: Catalogue,
    arrived: Arrived = lambda *_: None,
    made_in: Path | None = None,
) -> PlannedTasks:
    """The tasks of the suite, or those named, among which suites may be, and the user's own data, of which tasks are
    made, in the folder `made_in` where nothing shall be run yet; `arrived` is told how far their download is.

    Raises UsageError for unknown names and for tasks that run model code, BenchtuiError for data that cannot be read.
    """
    meant = _suites(choice, config, catalogue)
    suite = None if choice.tasks else next((found.name for found in meant.values()), None)
    wanted = tuple(
        task for name in choice.tasks or meant for task in (meant[name].tasks if name in meant else [TaskPlan(name)])
    )
    own = own_data(choice, config, catalogue, [task.name for task in wanted])
    made = make_tasks(choice, own.specs, arrived, made_in)
    for task in made:
        catalogue, _ = catalogue.with_file(task.file)
    wanted = (
        *(msgspec.structs.replace(task, name=own.named[task.name].name) if task.name in own.named else task
          for task in wanted),
        *(TaskPlan(spec.name) for spec in own.beside),
    )  # fmt: skip
    resolved = resolve(catalogue, [task.name for task in wanted])
    if resolved.unsafe and not choice.permissions.unsafe_code:
        raise UsageError(
            f"{', '.join(resolved.unsafe[:3])} executes code that the model wrote.",
            "Allow it for this run with --confirm-unsafe-code.",
        )
    without = {spec.name for spec in own.specs if spec.fewshot_from is None}
    plans = tuple(
        TaskPlan(name, _shots(choice, task, has_examples=name not in without), _limit(choice, task))
        for task in wanted
        for name in resolved.requested[task.name]
    )
    check_examples(choice, own.specs, made, plans)
    return PlannedTasks(plans, resolved, suite, notes_on(meant), own.specs, made)


def _suites(choice: Choice, config: Config, catalogue: Catalogue) -> dict[str, Suite]:
    """Return the suites that are meant, by what they are called here: those among the tasks, else the one suite."""
    if choice.tasks:
        taken = {spec.name for spec in config.data}
        named = [name for name in choice.tasks if name not in taken and name not in catalogue]
        return {name: find_suite(name, config.suites) for name in named if is_suite(name, config.suites)}
    if choice.suite != NO_SUITE:
        return {choice.suite: find_suite(choice.suite, config.suites)}
    if not choice.data:
        raise UsageError(f"--suite {NO_SUITE} leaves nothing to evaluate.", "Give --data FILE, --tasks or a suite.")
    return {}


def _shots(choice: Choice, task: TaskPlan, *, has_examples: bool) -> int | None:
    values = (choice.num_fewshot, task.num_fewshot, choice.default_num_fewshot if has_examples else None)
    return next((value for value in values if value is not None), None)


def _limit(choice: Choice, task: TaskPlan) -> float | None:
    limits = (choice.limit, task.limit, choice.default_limit)
    limit = next((float(limit) for limit in limits if limit is not None), None)
    return None if limit == math.inf else limit
