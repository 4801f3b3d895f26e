"""What the machine is doing: processor, memory and GPU, for displays, for advice and for sizing batches."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DRIVER_SECONDS = 2.0
_MIB = 1024 * 1024
_CGROUPS = Path("/sys/fs/cgroup")
_WIDEST = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "sve")
MEMORY_PART = "BENCHTUI_MEMORY_PART"
"""In the environment of a worker beside others on the same memory: the part of it, 0 to 1, that it plans with."""
_NO_LIMIT = 1 << 62
"""Version 1 of control groups says "no limit" with a number close to 2**63."""


@dataclass(frozen=True)
class GpuReading:
    """Shares 0..1, memory in bytes; over all GPUs together."""

    busy: float
    used: int
    total: int


@dataclass(frozen=True)
class MachineReading:
    """`cpu` share of all processors since the last reading, 0..1; `memory` used and `memory_total` in bytes."""

    cpu: float
    memory: int
    memory_total: int
    gpu: GpuReading | None


@dataclass(frozen=True)
class ContainerMemory:
    """A limit on the memory of a group of processes, and how much of it is still free, in bytes."""

    limit: int
    free: int


class MachineMeter:
    """Reads the machine again and again; the first reading of the processor covers the time since it was made."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        psutil.cpu_percent(None)
        self._driver = shutil.which("nvidia-smi")

    def read(self) -> MachineReading:
        """Never raises; takes a few milliseconds, where there is a GPU some tens: call it in a thread."""
        memory = self._psutil.virtual_memory()
        return MachineReading(
            self._psutil.cpu_percent(None) / 100, memory.total - memory.available, memory.total, self._gpu()
        )

    def _gpu(self) -> GpuReading | None:
        if self._driver is None:
            return None
        rows = _ask_driver(self._driver)
        if not rows:
            return None
        return GpuReading(
            sum(busy for busy, _, _ in rows) / len(rows) / 100,
            sum(used for _, used, _ in rows) * _MIB,
            sum(total for _, _, total in rows) * _MIB,
        )


def usable_cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kernel_oom_kills() -> int:
    """How often the kernel has killed for lack of memory since it booted, whether the machine's or a container's; 0
    where it does not tell."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        return 0  # not Linux
    return 0


def instruction_set() -> str:
    """Return what of the processor decides how quantised numbers are multiplied, such as "x86_64 avx512f": kernels for
    another one round differently. On systems that do not tell, the name of the architecture alone."""
    import platform

    architecture = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return architecture
    flags = next(
        (set(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))), set()
    )
    found = [name for name in _WIDEST if name in flags]
    return " ".join([architecture, *found])


def free_memory() -> int:
    """Return the bytes of main memory that this process can allocate now; a container's limit counts too, and what
    other workers beside it may use does not."""
    import psutil

    available = int(psutil.virtual_memory().available)
    container = container_memory()
    return int(memory_part() * (available if container is None else min(available, container.free)))


def memory_part() -> float:
    """Return the part of the memory, of its device or of the machine, that this process plans with: 1 unless it is one
    of several workers that share it."""
    try:
        part = float(os.environ.get(MEMORY_PART, "1"))
    except ValueError:
        return 1.0
    return part if 0 < part <= 1 else 1.0


def container_memory() -> ContainerMemory | None:
    """Return what the container or service that this process runs in allows; None where nothing sets a limit."""
    try:
        membership = Path("/proc/self/cgroup").read_text()
    except OSError:
        return None  # not Linux
    return memory_of_control_groups(membership, _CGROUPS)


def memory_of_control_groups(membership: str, mount: Path) -> ContainerMemory | None:
    """Return the limit of the Linux control group that allows this process least, None where none sets a limit.

    `membership` is the text of /proc/self/cgroup, `mount` the folder where control groups are mounted. The process's
    own group and all groups above it count, of version 1 or 2. Cached file contents that the kernel can drop at once
    (inactive_file) are free, as `docker stats` and Kubernetes count them.
    """
    allowed = []
    for line in membership.splitlines():
        _, _, controllers_and_path = line.partition(":")
        controllers, _, path = controllers_and_path.partition(":")
        if controllers == "":
            names, top = ("memory.max", "memory.current", "inactive_file"), mount
        elif "memory" in controllers.split(","):
            names, top = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"), mount / "memory"
        else:
            continue
        # In a container the path may be the host's, of which only the top is mounted: what does not exist is skipped.
        own = top / path.strip("/")
        allowed += [_allowed_by(group, *names) for group in (own, *own.parents) if group.is_relative_to(top)]
    limits = [memory for memory in allowed if memory is not None]
    return min(limits, key=lambda memory: memory.free, default=None)


def _allowed_by(group: Path, limit: str, usage: str, droppable: str) -> ContainerMemory | None:
    """Return what one control group allows; the other arguments are the names of its files and of a line in one."""
    try:
        most, used = (group / limit).read_text().strip(), int((group / usage).read_text())
        statistics = (group / "memory.stat").read_text()
    except (OSError, ValueError):
        return None  # no such group, or one without the memory controller
    if not most.isdecimal() or int(most) >= _NO_LIMIT:
        return None
    for line in statistics.splitlines():
        name, _, value = line.partition(" ")
        if name == droppable and value.isdecimal():
            used -= min(used, int(value))
    return ContainerMemory(int(most), max(0, int(most) - used))


def free_gpu_memory(gpus: int = 1) -> int | None:
    """Return the free bytes of the first GPU, of so many `gpus` together; None where the driver names none."""
    driver = shutil.which("nvidia-smi")
    rows = _ask_driver(driver) if driver else []
    return sum(total - used for _, used, total in rows[:gpus]) * _MIB if rows else None


def _ask_driver(driver: str) -> list[tuple[int, int, int]]:
    """Busy percent, used and total MiB of each GPU; empty when the driver does not answer."""
    rows = []
    for parts in nvidia_rows(driver, "utilization.gpu", "memory.used", "memory.total"):
        if len(parts) == 3 and all(part.isdecimal() for part in parts[1:]):
            busy = int(parts[0]) if parts[0].isdecimal() else 0
            rows.append((busy, int(parts[1]), int(parts[2])))
    return rows


def nvidia_rows(driver: str, *fields: str) -> list[list[str]]:
    """Return what nvidia-smi, at the path `driver`, says of these fields, a row a GPU; empty without an answer."""
    query = [driver, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            query, capture_output=True, timeout=_DRIVER_SECONDS, text=True, errors="replace", stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = answer.stdout.splitlines()[:64] if answer.returncode == 0 else []
    return [[part.strip() for part in line.split(",")] for line in lines]
