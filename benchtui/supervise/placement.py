"""What each of several workers gets of the machine: processor threads, a device, a part of the memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchtui.gpus import AS_LISTED, CUDA, ORDER, Gpu
from benchtui.machine import MEMORY_PART, usable_cores
from benchtui.runs.worker_contract import DEVICE_NAME, MODEL_DEVICES

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Placement:
    """`environment` has variables of the worker's environment: its threads, its device, and the part of the memory it
    plans with where others use the same. `where` is what displays call the place: "GPU 1", "" for the processor of this
    machine."""

    environment: Mapping[str, str] = field(default_factory=dict)
    where: str = ""


WHOLE_MACHINE = Placement()


def placements(workers: int, devices: Sequence[Gpu] = (), *, models: int = 1, sharing: int = 1) -> list[Placement]:
    """Where each of `workers` works: on `devices` in turn; without them on processors, which are shared out where the
    user has not said how many threads to use. So many `models` have as many workers each at the same time, `sharing` of
    them the same devices; without devices all share the processors."""
    if workers == 1 and models == 1 and not devices:
        return [WHOLE_MACHINE]
    threads = {} if os.environ.get(THREADS) else {THREADS: str(max(1, usable_cores() // (workers * models)))}
    if not devices:
        return [Placement({**threads, MEMORY_PART: str(1 / (workers * models))})] * workers
    found = []
    for number in range(workers):
        place = number % len(devices)
        gpu, beside = devices[place], len(range(place, workers, len(devices)))
        on_gpu = {gpu.variable: gpu.name, DEVICE_NAME: str(gpu), MEMORY_PART: str(1 / (beside * sharing))}
        if gpu.variable == CUDA and not os.environ.get(ORDER):
            on_gpu[ORDER] = AS_LISTED  # by itself CUDA takes the fastest first
        if gpu.together:
            on_gpu[MODEL_DEVICES] = str(len(gpu.together))
        found.append(Placement({**threads, **on_gpu}, gpu.label))
    return found
