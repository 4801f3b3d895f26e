"""Settings that can have code run: given anew by whoever starts or resumes a run, never by a folder from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchtui.tasks.data.hub import is_hub_id

_TASK_FILES = (".yaml", ".yml")

CODE_IN_GENERATION = frozenset({"custom_generate", "trust_remote_code"})
"""Arguments of transformers' generate() that have it import a Python file from a folder or a repository."""


def code_in_generation(settings: Mapping[str, Any]) -> list[str]:
    """Return the generation settings that would have transformers run a Python file."""
    return [name for name in settings if name in CODE_IN_GENERATION]


def is_task_file(task: str) -> bool:
    """Tell whether a task is named by the path of its file instead of by its name: ORG/NAME is a data set of the Hub,
    whatever lies here."""
    return task.endswith(_TASK_FILES) or ("/" in task and not is_hub_id(task))
