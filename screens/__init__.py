"""The terminal application: draws what the engine knows and passes on what the user wants; computes nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screens.app import BenchtuiApp as BenchtuiApp

__all__ = ["BenchtuiApp"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from screens.app import BenchtuiApp

    return BenchtuiApp
