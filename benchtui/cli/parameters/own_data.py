"""Data of one's own as flags name them, and tasks made of them only to be looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.plans.data import own_data
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.settings.config import load_config
from benchtui.settings.rows import NO_SUITE, SETTINGS
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.data.spec import DataSpec


def looked_at(data: Sequence[str], tasks: Sequence[str], values: Mapping[str, Any]) -> PlannedTasks:
    """Make tasks of `data` and of those `tasks` that are data; `values` are what flags say of them. The files of what
    is returned are gone. Raises BenchtuiError for data that cannot be read."""
    defaults = {setting.parameter: setting.default for setting in SETTINGS}
    with tempfile.TemporaryDirectory(prefix="benchtui-look-") as folder:
        named = {"data": tuple(data), "tasks": tuple(tasks), "suite": NO_SUITE, "outputs": Path(folder) / "outputs"}
        return plan_tasks(choice_from_flags(defaults | dict(values) | named), load_config(), load_catalogue())


def data_sets(data: Sequence[str], outputs: Path, values: Mapping[str, Any]) -> tuple[DataSpec, ...]:
    """Return what `data` and the flags `values` say, each data set with the name that its task has in a run beside
    `outputs`. Nothing is read yet."""
    defaults = {setting.parameter: setting.default for setting in SETTINGS}
    named = {"data": tuple(data), "suite": NO_SUITE, "outputs": outputs}
    choice = choice_from_flags(defaults | dict(values) | named)
    return own_data(choice, load_config(), load_catalogue(), ()).specs
