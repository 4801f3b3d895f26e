"""The memory of the device that PyTorch computes on: how much is free, and what to do when it runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from benchtui import machine
from benchtui.out_of_memory import is_out_of_memory
from benchtui.worker.answering.protocol import OutOfMemoryError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def unless_out_of_memory(compute: Callable[[], T], device: torch.device) -> T | None:
    """Return what `compute` returns, or None when memory ran out; what it held is freed then."""
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    release_memory(device)  # outside the handler: while it is handled, an error keeps every tensor of its frames alive
    return None


def release_memory(device: str | torch.device) -> None:
    """Free what PyTorch keeps on `device` but does not use, so that a smaller batch has room."""
    import torch

    gc.collect()
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()


def free_memory(device: str | torch.device) -> int:
    """Return the bytes that can be allocated on `device` now, without what other workers on it may use."""
    import torch

    place = torch.device(device)
    if place.type == "cuda":
        free, _ = torch.cuda.mem_get_info(place)
        return int(
            machine.memory_part() * (free + torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place))
        )
    if place.type == "mps":
        return int(machine.memory_part() * (torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()))
    return machine.free_memory()


def does_not_fit(tokens: int, device: str | torch.device) -> OutOfMemoryError:
    """Return the error for one request of `tokens` that does not fit beside the model."""
    return OutOfMemoryError(
        f"A single request of {tokens} tokens does not fit into the memory of {device}.",
        "Use --format merged_4bit, a smaller --max-length, or a larger machine.",
    )
