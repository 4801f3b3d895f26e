"""What each of several workers gets of the machine: processor threads, a device, a part of the memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchtui.machine import MEMORY_PART, usable_cores

THREADS = "OMP_NUM_THREADS"
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Placement:
    """`environment` has variables of the worker's environment: its threads, its device, and the part of the memory it
    plans with where others use the same."""

    environment: Mapping[str, str] = field(default_factory=dict)


WHOLE_MACHINE = Placement()


def placements(workers: int, devices: Sequence[str] = ()) -> list[Placement]:
    """Where each of `workers` works: on `devices` in turn, each named as CUDA numbers it; without them on processors,
    which are shared out where the user has not said how many threads to use."""
    if workers == 1 and not devices:
        return [WHOLE_MACHINE]
    threads = {} if os.environ.get(THREADS) else {THREADS: str(max(1, usable_cores() // workers))}
    if not devices:
        return [Placement({**threads, MEMORY_PART: str(1 / workers)})] * workers
    found = []
    for number in range(workers):
        device = devices[number % len(devices)]
        beside = len(range(number % len(devices), workers, len(devices)))
        found.append(Placement({**threads, VISIBLE: device, MEMORY_PART: str(1 / beside)}))
    return found
