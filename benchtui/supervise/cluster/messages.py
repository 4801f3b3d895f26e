"""What a supervisor and the process connected to Ray tell each other: lines of JSON over a pair of sockets."""

from __future__ import annotations

from typing import Literal

import msgspec


class Node(msgspec.Struct, frozen=True):
    """A machine of the cluster: its name, and how many processors and GPUs Ray gives out there."""

    name: str
    cpus: float
    gpus: float


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Run worker number `worker` of this supervisor on the cluster, with `cpus` and `gpus` of a machine for itself. The
    other fields as in a WorkerJob."""

    worker: int
    module: str
    options: tuple[str, ...]
    runs: tuple[str, ...]
    shard: int
    environment: dict[str, str]
    cpus: float
    gpus: float


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Ask a worker to stop, to write its stacks, or end it at once with all that it started."""

    worker: int
    to: Literal["stop", "stacks", "end"]


class Connected(msgspec.Struct, frozen=True, tag="connected"):
    """The cluster was reached; these are its machines now."""

    nodes: list[Node]


class NotConnected(msgspec.Struct, frozen=True, tag="not-connected"):
    """The cluster was not reached: why, and what to do about it."""

    what: str
    next_step: str


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """A worker has a place: the process with this number on the machine `node`."""

    worker: int
    pid: int
    node: str


class Printed(msgspec.Struct, frozen=True, tag="printed"):
    """A worker has printed so many bytes since it started."""

    worker: int
    output_bytes: int


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A worker has ended with this exit status (negative: the signal that ended it), and all that it told is in the
    files of its shard. `fate` is what ended it where the status does not say it; `killed_for_memory` as of a
    Worker."""

    worker: int
    code: int
    fate: str = ""
    killed_for_memory: bool = False


Order = Start | Ask
"""What the supervisor says."""
Told = Connected | NotConnected | Placed | Printed | Ended
"""What it is told."""
