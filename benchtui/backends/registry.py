"""Finding a backend by its name.

A worker opens the model of its plan through benchtui/worker/answering/opening.py.
To add a backend: describe it in a file of this folder and add it to `BUILT_IN`; or, in a package of its own, name the
description in the entry-point group `benchtui.backends` (`echo = "package.module:ECHO"`).
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from types import MappingProxyType

from benchtui.backends.backend import Backend
from benchtui.backends.hf import HF
from benchtui.errors import BenchtuiError, UsageError

BUILT_IN: Mapping[str, Backend] = MappingProxyType({backend.name: backend for backend in (HF,)})
DEFAULT_BACKEND = HF.name
GROUP = "benchtui.backends"


def find_backend(name: str) -> Backend:
    """The backend called `name`. Installed packages are searched only when it is none of our own.

    Raises UsageError with the names that there are, BenchtuiError when an installed one cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    for entry in importlib.metadata.entry_points(group=GROUP, name=name):
        return _loaded(entry)
    raise UsageError(f"There is no backend {name!r}.", f"This version evaluates with {', '.join(backend_names())}.")


def backend_names() -> list[str]:
    """The names of all backends, our own first."""
    installed = (entry.name for entry in importlib.metadata.entry_points(group=GROUP))
    return list(dict.fromkeys((*BUILT_IN, *installed)))


def _loaded(entry: importlib.metadata.EntryPoint) -> Backend:
    try:
        found = entry.load()
    except Exception as error:  # whatever the package does when it is imported
        raise BenchtuiError(
            f"The backend {entry.name} ({entry.value}) cannot be imported: {type(error).__name__}: {error}",
            "Install its package again, or choose another with --backend.",
        ) from error
    if not isinstance(found, Backend):
        raise BenchtuiError(
            f"The backend {entry.name} ({entry.value}) is no description of a backend.",
            "Update its package, or choose another with --backend.",
        )
    return found
