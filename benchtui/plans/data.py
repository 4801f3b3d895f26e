"""People's own data among the tasks of a run: what is said of each data set, and the task that is made of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import Catalogue
from benchtui.tasks.data.hub import HUB, is_hub_id, parse_hub_name
from benchtui.tasks.data.make import Arrived, make_task
from benchtui.tasks.data.spec import DataSpec, MadeTask
from benchtui.tasks.data.trust import is_made
from benchtui.tasks.data.write_task import safe_name
from benchtui.tasks.suites import TaskPlan
from benchtui.text import one_line

TASKS = "tasks"
"""The folder of the tasks that are made, beside outputs/."""

_SAID = {
    "prompt": "prompt",
    "answer": "answer",
    "choices": "choices",
    "data_kind": "kind",
    "count_from": "count_from",
    "metrics": "metrics",
    "data_split": "split",
    "data_sample": "sample",
    "fewshot_from": "fewshot_from",
}
"""Attributes of a Choice that say how data are read -> those of a DataSpec."""


@dataclass(frozen=True)
class OwnData:
    """The data sets of a run: `named` are those among its tasks, by what was typed there; `beside` those of --data."""

    named: Mapping[str, DataSpec]
    beside: tuple[DataSpec, ...]

    @property
    def specs(self) -> tuple[DataSpec, ...]:
        return (*self.named.values(), *self.beside)


def own_data(choice: Choice, config: Config, catalogue: Catalogue, tasks: Iterable[str]) -> OwnData:
    """Find the data sets that `choice` and the names of its `tasks` mean, each with a name that no other task has.

    What a flag says of data counts for all of them, and more than benchtui.toml. Raises UsageError where something is
    said of data and there are none, for a name of [tasks.NAME] that lm-eval's tasks have, and for a file of data
    among the tasks.
    """
    filed = {spec.name: spec for spec in config.data}
    folder, taken = tasks_folder(choice), set[str]()
    named: dict[str, DataSpec] = {}
    for task in tasks:
        if task in filed:
            if not _is_free(task, folder, catalogue):
                raise UsageError(
                    f"[tasks.{one_line(task, 60)}] of benchtui.toml has the name of another task.", "Rename it."
                )
            named[task] = filed[task]
        elif is_hub_id(task) and task not in catalogue:
            _refuse_file(task)
            named[task] = DataSpec(name="", source=HUB + task)
    found = [*named.values(), *(DataSpec(name="", source=_placed(source)) for source in choice.data)]
    specs = [_with_flags(spec, choice) for spec in found]
    said = _said(choice)
    if said and not specs:
        raise UsageError("--prompt and what else is said of data have no data to say it of.", "Give --data FILE.")
    for place, spec in enumerate(specs):
        name = spec.name or _free_name(spec.source, folder, catalogue, taken)
        taken.add(name)
        specs[place] = msgspec.structs.replace(spec, name=name)
    return OwnData(dict(zip(named, specs, strict=False)), tuple(specs[len(named) :]))


def make_tasks(
    choice: Choice, specs: Sequence[DataSpec], arrived: Arrived, folder: Path | None = None
) -> tuple[MadeTask, ...]:
    """Make a task of each data set, in `folder`, else in the folder tasks/ beside outputs/; `arrived` is told how far a
    download is.

    Raises BenchtuiError naming the file and the row where that cannot be done.
    """
    folder, allowed = folder or tasks_folder(choice), choice.permissions.metric_code
    return tuple(
        make_task(spec, folder, offline=choice.offline, metric_code=allowed, arrived=arrived) for spec in specs
    )


def check_examples(
    choice: Choice, specs: Sequence[DataSpec], made: Sequence[MadeTask], tasks: Sequence[TaskPlan]
) -> None:
    """Raise UsageError where prompts shall hold examples and the data have too few, or have some that nobody asked for.
    Without this, lm-eval would take examples from the very questions that are asked."""
    shots = {task.name: task.num_fewshot or 0 for task in tasks}
    for spec, task in zip(specs, made, strict=True):
        number = shots.get(spec.name, 0)
        if number and spec.fewshot_from is None:
            raise UsageError(
                f"{number} examples in every prompt are asked for, and {spec.name} has none to take.",
                "Give --fewshot-from FILE (or a split), or --num-fewshot 0.",
            )
        if spec.fewshot_from is not None and number > task.examples:
            raise UsageError(
                f"{number} examples in every prompt are asked for, and {spec.name} has {task.examples} to take.",
                f"Name more data as --fewshot-from, or give --num-fewshot {task.examples}.",
            )
        if choice.fewshot_from is not None and not number:
            raise UsageError("--fewshot-from gives examples, and no prompt holds any.", "Give --num-fewshot N as well.")


def tasks_folder(choice: Choice) -> Path:
    return choice.outputs.absolute().parent / TASKS


def _said(choice: Choice) -> dict[str, object]:
    """What flags say of data, by the attributes of a DataSpec."""
    plain = Choice(outputs=choice.outputs)
    return {
        field: value
        for attribute, field in _SAID.items()
        if (value := getattr(choice, attribute)) != getattr(plain, attribute)
    }


def _with_flags(spec: DataSpec, choice: Choice) -> DataSpec:
    said = _said(choice)
    if choice.data_sample is not None:
        said["sample_seed"] = choice.data_sample_seed
    if isinstance(examples := said.get("fewshot_from"), str) and Path(examples).is_file():
        said["fewshot_from"] = str(Path(examples).absolute())
    return msgspec.structs.replace(spec, **said)


def _placed(source: str) -> str:
    return source if source.startswith(HUB) else str(Path(source).absolute())


def _refuse_file(task: str) -> None:
    if Path(task).is_file():
        raise UsageError(f"{one_line(task, 100)} is a file of data, not a task.", f"Give it as --data {task}")


# Names.


def _free_name(source: str, folder: Path, catalogue: Catalogue, taken: set[str]) -> str:
    """Return the name of the file or data set, with a word or a number behind it where a task has that name."""
    stem = _stem(source)
    own = stem if _is_free(stem, folder, catalogue) else f"{stem}_own"
    name, n = own, 1
    while name in taken or not _is_free(name, folder, catalogue):
        n += 1
        name = f"{own}_{n}"
    return name


def _is_free(name: str, folder: Path, catalogue: Catalogue) -> bool:
    """Whether a task called `name` can be made: lm-eval has none, and a file of this name is one that we made."""
    file = folder / f"{name}.yaml"
    if name in catalogue and catalogue.file(name) not in (file, file.resolve()):
        return False
    return not os.path.lexists(file) or is_made(file)


def _stem(source: str) -> str:
    """`data/My questions.test.jsonl` -> My_questions; hub:org/name:config/split -> name."""
    if source.startswith(HUB):
        return safe_name(parse_hub_name(source).repository.partition("/")[2])
    name = Path(source).name
    return safe_name(name.partition(".")[0] or name)
