"""Results where people look: terminal tables, README sections, model cards."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchtui.reports.markdown import comparison_markdown as comparison_markdown
    from benchtui.reports.tables import comparison_table as comparison_table
    from benchtui.reports.tables import plain_table as plain_table
    from benchtui.reports.tables import print_comparison as print_comparison

_PUBLIC = {
    "comparison_markdown": "markdown",
    "comparison_table": "tables",
    "plain_table": "tables",
    "print_comparison": "tables",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
