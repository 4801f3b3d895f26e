"""What a model computes on, and the most memory that it took: measured by its own worker."""

from __future__ import annotations

import platform
from pathlib import Path

from benchtui.machine import usable_cores

_SELF = Path("/proc/self")
_RESET_PEAK = "5"
"""Written to clear_refs, it makes the kernel count the peak anew (man 5 proc)."""


class PeakMemory:
    """The most memory that this process has had since this was made; where the system counts no peak that can be
    begun anew, the most that was found by `read`."""

    def __init__(self) -> None:
        try:
            (_SELF / "clear_refs").write_text(_RESET_PEAK)
            self._counted = self._kernel_peak() is not None
        except OSError:
            self._counted = False
        self._most = 0

    def read(self) -> int:
        """In bytes, resident."""
        import psutil

        peak = self._kernel_peak() if self._counted else None
        self._most = max(self._most, peak or int(psutil.Process().memory_info().rss))
        return self._most

    def _kernel_peak(self) -> int | None:
        for line in (_SELF / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None


def computing(device: str) -> str:
    """The name of what computes: of a CUDA device its own, else the processor's and how many of them this process may
    use."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    processors = usable_cores()
    return f"{_processor()}, {processors} {'processor' if processors == 1 else 'processors'}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()  # not Linux
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
