"""How much of a cluster each worker gets: one GPU, or a part of the processors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.errors import UsageError
from benchtui.gpus import CUDA, HIP
from benchtui.machine import MEMORY_PART
from benchtui.supervise.cluster.messages import Node
from benchtui.supervise.placement import THREADS, Placement
from benchtui.text import one_line

_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Room:
    """`workers` at the same time, each with `cpus` processors and `gpus` GPUs of one machine. Ray starts machines for
    them where it may and too few are free; until then they wait."""

    workers: int
    cpus: int
    gpus: int
    memory_part: float = 1.0

    @property
    def placement(self) -> Placement:
        """What a worker is told of it: the GPU's number is Ray's to say."""
        if self.gpus:
            return Placement()
        threads = os.environ.get(THREADS) or str(self.cpus)
        return Placement({THREADS: threads, **dict.fromkeys((CUDA, HIP), ""), MEMORY_PART: str(self.memory_part)})


def room_for(workers: int, device: str, nodes: Sequence[Node]) -> Room:
    """The room of `workers` (0: as many as find a place now) on these machines. `device` is what the plan says: "auto"
    takes GPUs where the cluster has any.

    Raises UsageError for a device that only one machine has, and where nothing has a place now and nobody says how many
    workers to wait for.
    """
    if device not in _DEVICES:
        step = "Use --device auto, cuda or cpu: Ray chooses which one."
        raise UsageError(f"--device {one_line(device, 50)} names a device of one machine, not of a cluster.", step)
    gpus = int(sum(node.gpus for node in nodes))
    if device == "cuda" or (device == "auto" and gpus):
        return Room(workers or gpus or _none("GPU"), 1, 1)
    cpus = sorted((int(node.cpus) for node in nodes if node.cpus >= 1), reverse=True)
    each = _processors(workers, cpus)
    beside = max((count // each for count in cpus), default=1)
    found = workers or sum(count // each for count in cpus) or _none("processor")
    return Room(found, each, 0, 1 / max(1, min(beside, found)))


def _processors(workers: int, cpus: Sequence[int]) -> int:
    """For each worker: what OMP_NUM_THREADS says; else the most with which all have a place at once, or all of the
    smallest machine where nobody says how many workers there are."""
    said = os.environ.get(THREADS, "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if not cpus:
        return 1
    if not workers:
        return cpus[-1]
    fitting = (each for each in range(cpus[0], 1, -1) if sum(count // each for count in cpus) >= workers)
    return next(fitting, 1)


def _none(what: str) -> int:
    raise UsageError(
        f"The cluster has no {what} now.",
        "Say how many workers to wait for, so that Ray may start machines: --workers N.",
    )
