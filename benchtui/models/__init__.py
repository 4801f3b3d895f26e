"""What has been trained: the model folders in outputs/, their formats, their base models, and what is known of each."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Kind": "layout",
    "ModelFormat": "layout",
    "TrainedModel": "layout",
    "TrainingFacts": "layout",
    "size_text": "layout",
    "discover": "discovery",
    "inspect_model": "discovery",
    "find_model": "selection",
    "choose_format": "selection",
    "BaseChoice": "base",
    "find_base": "base",
    "resolve_base": "base",
    "ModelDescription": "describe",
    "LastResult": "last_result",
    "ListedModel": "listing",
    "list_models": "listing",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
