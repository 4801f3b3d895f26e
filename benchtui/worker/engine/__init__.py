"""The fast HuggingFace engine: lm-eval's scores with every shared prefix computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchtui.worker.engine.lm import FastLM as FastLM
    from benchtui.worker.engine.memory import OutOfMemory as OutOfMemory
    from benchtui.worker.engine.observer import Observer as Observer

_HOMES = {"FastLM": "lm", "OutOfMemory": "memory", "Observer": "observer"}
__all__ = ["FastLM", "Observer", "OutOfMemory"]


def __getattr__(name: str) -> Any:
    """Load a public name where it is used: the engine imports torch and lm-eval."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
