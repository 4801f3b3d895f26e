"""Telling an allocation failure from every other error, and giving memory back."""

from __future__ import annotations

import gc
from typing import Any

from benchtui.errors import BenchtuiError

_PHRASES = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "alloc_failed")
_WITHOUT_TORCH = (*_PHRASES, "failed to map segment", "can't start new thread")


class OutOfMemoryError(BenchtuiError):
    """A single request does not fit: nothing smaller can be tried."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that an allocation failed, on a GPU or on the CPU (where torch raises RuntimeError)."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _PHRASES)


def ran_out_while_importing(error: BaseException) -> bool:
    """Whether `error`, or what it came from, says that memory ran out; asked where PyTorch may not have been imported
    yet, or just could not be."""
    found: BaseException | None = error
    for _ in range(20):
        if isinstance(found, MemoryError):
            return True
        if isinstance(found, ImportError | OSError | RuntimeError):
            text = str(found).lower()
            if any(phrase in text for phrase in _WITHOUT_TORCH):
                return True
        if found is None:
            return False
        found = found.__cause__ or found.__context__
    return False


def release(lm: Any) -> None:
    """Free what a failed batch left behind."""
    import torch

    gc.collect()
    if str(lm.device).startswith("cuda"):
        torch.cuda.empty_cache()
