"""What the kernel tells about memory that ran out."""

from __future__ import annotations

from pathlib import Path


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
