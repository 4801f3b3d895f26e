"""The faults by what they strike; importing a module registers its faults."""

from __future__ import annotations

import importlib

MODULES = (
    "kills",
    "stops",
    "hangs",
    "memory",
    "disk",
    "output",
    "together",
    "side_by_side",
    "engine",
    "gguf",
    "servers",
    "workers",
    "cluster",
)


def load() -> None:
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}")
