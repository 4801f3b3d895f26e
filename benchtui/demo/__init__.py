"""A base and a fine-tuned tiny model with two small tasks: the whole main job, offline."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "BASE_NAME": "workspace",
    "MODEL_NAME": "workspace",
    "DemoPaths": "workspace",
    "Workspace": "workspace",
    "demo_paths": "workspace",
    "open_workspace": "workspace",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
