"""What runs left behind: lm-eval result files, samples, benchmark.json and history."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchtui.results.read import read_run as read_run
    from benchtui.results.records import Group as Group
    from benchtui.results.records import Partial as Partial
    from benchtui.results.records import RunResults as RunResults
    from benchtui.results.records import Score as Score
    from benchtui.results.records import Setting as Setting
    from benchtui.results.records import TaskFacts as TaskFacts
    from benchtui.results.samples import Sample as Sample
    from benchtui.results.samples import read_samples as read_samples

_PUBLIC = {
    "Group": "records",
    "Partial": "records",
    "RunResults": "records",
    "Sample": "samples",
    "Score": "records",
    "Setting": "records",
    "TaskFacts": "records",
    "read_run": "read",
    "read_samples": "samples",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
