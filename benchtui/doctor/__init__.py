"""Looks at this machine and says what would keep benchmarks from running."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {"Check": "check", "Status": "check", "run_checks": "examine"}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
