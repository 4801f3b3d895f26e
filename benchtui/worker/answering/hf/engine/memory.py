"""How much memory is free, and what it looks like when there is none."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from benchtui.worker.answering.hf.memory import OutOfMemoryError

T = TypeVar("T")

_CGROUP = Path("/sys/fs/cgroup")
# The words with which torch's CPU and MPS allocators fail: they raise a bare RuntimeError.
_ALLOCATION_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "failed to allocate")


class OutOfMemory(OutOfMemoryError):  # noqa: N818  # named like torch's own, for what has happened
    """One request alone does not fit beside the model."""

    def __init__(self, tokens: int, device: torch.device) -> None:
        super().__init__(
            f"A single request of {tokens} tokens does not fit into the memory of {device}.",
            "Use --format merged_4bit, a smaller --max-length, or a larger machine.",
        )


def is_allocation_failure(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on whichever device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _ALLOCATION_WORDS)


def unless_out_of_memory(compute: Callable[[], T], device: torch.device) -> T | None:
    """What `compute` returns, or None when memory ran out, with everything that it held released."""
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not is_allocation_failure(error):
            raise
    release(device)  # outside the handler: while it is handled, an error keeps every tensor of its frames alive
    return None


def release(device: torch.device) -> None:
    """Give what is cached but unused back, so that a smaller batch has room."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be allocated on `device`; on a CPU the container's limit counts too."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(int(psutil.virtual_memory().available), _free_in_container())


def _free_in_container() -> int:
    limit, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    try:
        text = limit.read_text().strip()
        if text == "max":
            return 1 << 62
        return max(0, int(text) - int(used.read_text()))
    except (OSError, ValueError):
        return 1 << 62  # no control group, or one that tells nothing
