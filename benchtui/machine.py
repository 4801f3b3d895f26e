"""What the machine is doing while a run goes on: processor, memory and GPU, for displays and for advice."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DRIVER_SECONDS = 2.0
_MIB = 1024 * 1024


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


def free_memory() -> int:
    """Bytes of main memory that can be allocated now."""
    import psutil

    return int(psutil.virtual_memory().available)


def free_gpu_memory() -> int | None:
    """Free bytes of the first GPU, None where the driver names none."""
    driver = shutil.which("nvidia-smi")
    rows = _ask_driver(driver) if driver else []
    return (rows[0][2] - rows[0][1]) * _MIB if rows else None


def _ask_driver(driver: str) -> list[tuple[int, int, int]]:
    """Busy percent, used and total MiB of each GPU; empty when the driver does not answer."""
    query = [driver, "--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            query, capture_output=True, timeout=_DRIVER_SECONDS, text=True, errors="replace", stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = []
    for line in answer.stdout.splitlines()[:64] if answer.returncode == 0 else ():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and all(part.isdecimal() for part in parts[1:]):
            busy = int(parts[0]) if parts[0].isdecimal() else 0
            rows.append((busy, int(parts[1]), int(parts[2])))
    return rows
