"""Whether what was said of workers and devices can be done, told before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from benchtui.backends.backend import Backend
from benchtui.errors import UsageError
from benchtui.gpus import Gpu, find_gpus
from benchtui.text import one_line

_MOST_NAMED = 8


def find_devices(named: str | None, device: str = "auto", *, find: Callable[[], list[Gpu]] = find_gpus) -> list[Gpu]:
    """Return the GPUs that --devices names, all of them for auto; [] for the processor, and where nothing is named.

    Raises UsageError for a GPU that is not there, saying which are, and where `device` says something else.
    """
    if not agree(device, named):
        raise UsageError(*contradiction(device, named or ""))
    if named in (None, "cpu"):
        return []
    there = find()
    if named == "auto":
        return there
    names = str(named).split(",")
    found = [gpu for name in names if (gpu := _named(name, there)) is not None]
    if len(found) < len(names):
        missing = [name for name in names if _named(name, there) is None]
        raise UsageError(
            f"--devices {one_line(str(named), 200)}: there is no GPU {one_line(', '.join(missing), 200)}; "
            f"{gpus_words(there)}.",
            "Name GPUs that are there (CUDA_VISIBLE_DEVICES may hide some), or --devices cpu with --workers N.",
        )
    return found


def _named(name: str, there: Sequence[Gpu]) -> Gpu | None:
    return next((gpu for gpu in there if name == gpu.name or (name.isdecimal() and int(name) == gpu.number)), None)


def gpus_words(gpus: Sequence[Gpu]) -> str:
    """Say how many GPUs there are, and which."""
    if not gpus:
        return "there is none here"
    shown = ", ".join(map(str, gpus[:_MOST_NAMED])) + (" …" if len(gpus) > _MOST_NAMED else "")
    return f"there {'is' if len(gpus) == 1 else 'are'} {len(gpus)}: {shown}"


def agree(device: str, devices: str | None) -> bool:
    """Return whether --device and --devices can be said together."""
    if devices is None or device == "auto":
        return True
    return device == ("cpu" if devices == "cpu" else "cuda")


def contradiction(device: str, devices: str) -> tuple[str, str]:
    """What is wrong where both do not agree, and what to do."""
    return (
        f"--device {one_line(device, 60)} and --devices {one_line(devices, 200)} contradict each other.",
        "Give --devices alone: it says where each worker is put.",
    )


def check_served(
    backend: Backend, workers: int | Literal["auto"], devices: str | None, cluster: str | None = None
) -> None:
    """Raise UsageError where several workers, devices or a cluster were asked for and a server does the work."""
    if not backend.served or (workers in (1, "auto") and devices is None and cluster is None):
        return
    said = f"--workers {workers}"
    if workers in (1, "auto"):
        flag, value = ("--devices", devices) if devices is not None else ("--cluster", cluster)
        said = f"{flag} {one_line(str(value), 200)}"
    raise UsageError(
        f"{said}: the {backend.name} backend asks a server, which has its devices to itself; one worker sends it many "
        "requests at once.",
        "Say how many with --batch-size N.",
    )
