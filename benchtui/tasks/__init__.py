"""The catalogue of lm-eval's tasks: read without importing lm-eval, cached per version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchtui.tasks.catalogue import Catalogue as Catalogue
    from benchtui.tasks.catalogue import ResolvedTasks as ResolvedTasks
    from benchtui.tasks.catalogue import load_catalogue as load_catalogue
    from benchtui.tasks.entries import TaskEntry as TaskEntry
    from benchtui.tasks.words import PLAIN_WORDS as PLAIN_WORDS
    from benchtui.tasks.words import task_title as task_title
    from benchtui.tasks.words import task_words as task_words

_HOME = {
    "Catalogue": "catalogue",
    "ResolvedTasks": "catalogue",
    "load_catalogue": "catalogue",
    "TaskEntry": "entries",
    "PLAIN_WORDS": "words",
    "task_title": "words",
    "task_words": "words",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
