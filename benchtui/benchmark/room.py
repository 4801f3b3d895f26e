"""Whether workers that are to use the same memory fit into it, told before any of them is started."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from benchtui.backends.hybrid_room import LIBRARIES
from benchtui.errors import BenchtuiError
from benchtui.gpus import Gpu
from benchtui.machine import free_memory, nvidia_rows
from benchtui.models.layout import size_text
from benchtui.plans.prepare import PreparedBench
from benchtui.supervise.settings import SuperviseSettings

_MIB = 1024 * 1024
_SHARED_PAGES = ("gguf",)
"""Backends whose workers map the same file, so that the system keeps it in memory once."""


def needed(prepared: PreparedBench, settings: SuperviseSettings) -> int:
    """Return what the weights of one model's workers take on the fullest of its devices, in bytes; on the processor
    with what each process takes besides."""
    places = len(settings.devices)
    workers = -(-settings.workers // places) if places else settings.workers
    copies = 1 if prepared.fine_tuned.backend in _SHARED_PAGES and not places else workers
    return copies * prepared.loaded + (0 if places else workers * LIBRARIES)


def free_on(devices: Sequence[Gpu]) -> int | None:
    """Return the free bytes of the fullest of these GPUs, of main memory where there are none; None where the driver
    does not tell."""
    if not devices:
        return free_memory()
    driver = shutil.which("nvidia-smi")
    rows = nvidia_rows(driver, "index", "memory.free") if driver else []
    free = {int(row[0]): int(row[1]) * _MIB for row in rows if len(row) == 2 and all(part.isdecimal() for part in row)}
    # Of a board that is divided into parts the driver tells the whole.
    boards = {gpu.board for gpu in devices if gpu.board is not None and not gpu.name.startswith("MIG-")}
    return min((free[board] for board in boards if board in free), default=None)


def check_copies(prepared: PreparedBench, settings: SuperviseSettings) -> None:
    """Raise BenchtuiError where several workers share a device, and the weights of all of them are more than is
    free there. (One alone is tried: how much of its files it needs at once is its own affair.)"""
    places = len(settings.devices)
    workers = -(-settings.workers // places) if places else settings.workers
    if workers == 1 or settings.cluster is not None:
        return
    free, wanted = free_on(settings.devices), needed(prepared, settings)
    if free is None or wanted <= free:
        return
    where = str(settings.devices[0]) if places else "the processor"
    fitting = max(1, workers * free // wanted) * max(1, places)
    raise BenchtuiError(
        f"{workers} workers on {where} take about {size_text(wanted)} of memory, {size_text(prepared.loaded)} of "
        f"weights each, and {size_text(free)} are free.",
        f"Use --workers {fitting}.",
    )
