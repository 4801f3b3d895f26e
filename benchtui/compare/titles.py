"""The plain names of tasks in tables and sentences."""

from __future__ import annotations

from benchtui.results.records import RunResults
from benchtui.tasks.words import task_title
from benchtui.text import one_line


def title_of(task: str, results: RunResults) -> str:
    """Return a task's title from the catalogue; inside a group its name without the group's, else its name."""
    title = task_title(task)
    if title != task:
        return title
    around = (g.name for g in results.groups if task in g.leaves and task.startswith(f"{g.name}_"))
    above = max(around, key=len, default="")
    return one_line(task.removeprefix(f"{above}_").replace("_", " ") if above else task, 60)
