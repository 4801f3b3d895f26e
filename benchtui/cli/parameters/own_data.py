"""Tasks made of data of one's own only to be looked at: in a folder that is deleted again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.settings.config import load_config
from benchtui.settings.rows import NO_SUITE, SETTINGS
from benchtui.tasks.catalogue import load_catalogue


def looked_at(data: Sequence[str], tasks: Sequence[str], values: Mapping[str, Any]) -> PlannedTasks:
    """Make tasks of `data` and of those `tasks` that are data; `values` are what flags say of them. The files of what
    is returned are gone. Raises BenchtuiError for data that cannot be read."""
    defaults = {setting.parameter: setting.default for setting in SETTINGS}
    with tempfile.TemporaryDirectory(prefix="benchtui-look-") as folder:
        named = {"data": tuple(data), "tasks": tuple(tasks), "suite": NO_SUITE, "outputs": Path(folder) / "outputs"}
        return plan_tasks(choice_from_flags(defaults | dict(values) | named), load_config(), load_catalogue())
