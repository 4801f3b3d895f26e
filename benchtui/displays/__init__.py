"""What a person sees of a run: a live table, plain lines, or the events as JSON."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchtui.displays.display import Display as Display
    from benchtui.displays.display import Mode as Mode
    from benchtui.displays.display import open_display as open_display

__all__ = ["Display", "Mode", "open_display"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.display"), name)
