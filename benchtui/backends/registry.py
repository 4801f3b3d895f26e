"""Finding a backend by its name.

A worker opens the model of its plan through benchtui/worker/answering/opening.py.
To add a backend: describe it in a file of this folder and add it to `BUILT_IN`; or, in a package of its own, name the
description in the entry-point group `benchtui.backends` (`echo = "package.module:ECHO"`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchtui.backends.backend import Backend
from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.backends.hybrid import HYBRID
from benchtui.backends.ollama import OLLAMA
from benchtui.backends.openai import OPENAI
from benchtui.backends.vllm import VLLM
from benchtui.errors import BenchtuiError, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: Mapping[str, Backend] = MappingProxyType(
    {backend.name: backend for backend in (HF, GGUF, OLLAMA, OPENAI, VLLM, HYBRID)}
)
DEFAULT_BACKEND = HF.name
GROUP = "benchtui.backends"


def find_backend(name: str) -> Backend:
    """The backend called `name`. Installed packages are searched only when it is none of our own.

    Raises UsageError with the names that there are, BenchtuiError when an installed one cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    for entry in _installed():
        if entry.name == name:
            return _loaded(entry)
    raise UsageError(f"There is no backend {name!r}.", f"This version evaluates with {', '.join(backend_names())}.")


def backend_names() -> list[str]:
    """The names of all backends, our own first."""
    return list(dict.fromkeys((*BUILT_IN, *(entry.name for entry in _installed()))))


def reserved_arguments() -> dict[str, str]:
    """What --model-args may not set of our own backends: name -> the flag that does."""
    return {name: flag for backend in BUILT_IN.values() for name, flag in backend.reserved_arguments.items()}


def all_backends() -> list[Backend]:
    """All backends, our own first; an installed one that cannot be imported is left out.

    This imports installed packages: call it for the words of an error, not on the way to a run.
    """
    found = list(BUILT_IN.values())
    for entry in _installed():
        with contextlib.suppress(BenchtuiError):  # whoever names it is told why
            found += [_loaded(entry)] if entry.name not in BUILT_IN else []
    return found


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _loaded(entry: EntryPoint) -> Backend:
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
