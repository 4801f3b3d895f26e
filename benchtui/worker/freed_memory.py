"""Memory that is freed goes back to the system at once."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD = -3
"""glibc's M_MMAP_THRESHOLD (malloc.h)."""
_LARGE = 1 << 20


def give_back_freed_memory() -> None:
    """Have glibc allocate whatever is large apart, so that it is given back when it is freed.

    By itself glibc raises the size from which on it does that up to 32 MiB: tensors just below stay in its own heap,
    where one that lives longer keeps all before it, and a process of some hundred MiB grows to gigabytes.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and no such heap
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
