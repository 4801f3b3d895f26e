"""Whether what was said of workers and devices can be done, told before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

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


def spread_devices(
    named: Sequence[Gpu],
    said: str | None,
    device: str,
    each: int | Literal["auto"],
    workers: int | Literal["auto"],
    *,
    find: Callable[[], list[Gpu]] = find_gpus,
) -> list[Gpu]:
    """Return the GPUs, `each` of them joined into the device of one worker: of those `named`, else of all that there
    are as many as the workers need; auto: all, shared out evenly.

    Raises UsageError where there are too few, or some that were named are left over.
    """
    if device not in ("auto", "cuda") or said == "cpu":
        if each == "auto":
            return list(named)
        place = f"--device {one_line(device, 60)}" if said is None else "--devices cpu"
        raise UsageError(
            f"--model-parallel {each}: a model is spread over GPUs, and {place} is one place.",
            "Leave out --model-parallel, or name GPUs with --devices.",
        )
    there = list(named) if said is not None else find()
    count = 1 if workers == "auto" else workers
    if each == "auto":
        if len(there) < count:
            return list(named)
        size = len(there) // count
    else:
        size = each
        if workers == "auto" and said is not None:
            count = max(1, len(there) // size)
    if len(there) < size * count or (said not in (None, "auto") and workers == "auto" and len(there) % size):
        needed = f"{count} worker{'s' if count > 1 else ''} on {size} GPUs each"
        raise UsageError(
            f"--model-parallel {each}: {gpus_words(there)}, which is not enough for {needed}."
            if len(there) < size * count
            else f"--model-parallel {each}: {len(there)} GPUs cannot be shared out {size} by {size}.",
            f"Give --model-parallel 1 to {max(1, len(there) // count)}, fewer --workers, or other --devices."
            if len(there)
            else "Leave out --model-parallel: without GPUs a model is in the machine's memory, as a whole.",
        )
    return [Gpu.joined(there[first : first + size]) for first in range(0, size * count, size)]


def check_model_parallel(
    backend: Backend, each: int | Literal["auto"] | None, model_args: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Raise UsageError where a model is to be spread over devices by a backend that does not do it when told to, or
    where `model_args` say the same in another way."""
    if each in (None, 1):
        return
    if not backend.spreads_by:
        raise UsageError(
            f"--model-parallel {each}: the {backend.name} backend puts a model on devices in its own way.",
            backend.spreads_itself or "Leave out --model-parallel, or use --backend hf.",
        )
    if backend.spreads_by in model_args:
        raise UsageError(
            f"--model-parallel {each} and --model-args {backend.spreads_by} say how many devices a model is on, both.",
            "Give one of them.",
        )


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
