"""The GPUs that a worker of this user can be put on, found without importing torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

CUDA, HIP = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
"""What names the GPUs that a process may use, of NVIDIA and of AMD."""
ORDER, AS_LISTED = "CUDA_DEVICE_ORDER", "PCI_BUS_ID"
"""How CUDA numbers GPUs, and the value with which it numbers them as the driver lists them."""
_DRIVER_SECONDS = 30.0
"""A driver that keeps nothing ready, on a machine with many GPUs, takes several."""
_MOST = 256
_BOARD = re.compile(r"GPU (\d+): (.+?) \(UUID: (GPU-[\w-]+)\)")
_PART = re.compile(r"\s+MIG (\S+).*\(UUID: (MIG-[^\s)]+)\)")
_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
_DEVICE_FILES = Path("/dev")


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one part of a GPU (MIG). `number` is what PyTorch counts it as (cuda:0 …); `name` is what a worker's
    `variable` is set to, so that it sees this one alone. `title` is the driver's name of it, "" where that is not
    known, `board` its number among the boards that the driver lists. `together` has the numbers of several that hold
    one model, () for a single one."""

    number: int
    name: str
    variable: str = CUDA
    title: str = ""
    board: int | None = None
    together: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.label}{f' ({one_line(self.title, 60)})' if self.title else ''}"

    @property
    def label(self) -> str:
        """What a worker's device is called in a few characters."""
        return f"GPUs {', '.join(map(str, self.together))}" if self.together else f"GPU {self.number}"

    @classmethod
    def joined(cls, gpus: Sequence[Gpu]) -> Gpu:
        """Return several GPUs as the one device of a worker whose model is on all of them."""
        first = gpus[0]
        if len(gpus) == 1:
            return first
        names, titles = ",".join(gpu.name for gpu in gpus), {gpu.title for gpu in gpus}
        title = first.title if len(titles) == 1 else ""
        return cls(first.number, names, first.variable, title, None, tuple(gpu.number for gpu in gpus))


@dataclass(frozen=True)
class _Listed:
    """A device as the driver lists it."""

    name: str
    uuid: str
    title: str
    board: int


def find_gpus(environment: Mapping[str, str] = os.environ) -> list[Gpu]:
    """Return the GPUs that a process with this environment may use, in PyTorch's order. Asks NVIDIA's driver, which
    may take some seconds; [] where there are none. Raises BenchtuiError where the driver does not answer, or where a
    variable numbers GPUs in an order that only CUDA knows."""
    listed = _listed_by_driver()
    if listed:
        if len(listed) > 1 and environment.get(ORDER, AS_LISTED) != AS_LISTED:
            raise BenchtuiError(
                f"{ORDER}={one_line(environment[ORDER], 60)} numbers GPUs otherwise than NVIDIA's driver lists them.",
                f"Set it to {AS_LISTED}, or unset it.",
            )
        return list(_visible(listed, environment.get(CUDA), CUDA))
    variable = HIP if HIP in environment or CUDA not in environment else CUDA  # AMD's runtime reads both
    return list(_visible(_amd(_NODES), environment.get(variable), variable))


def _visible(listed: Sequence[_Listed], allowed: str | None, variable: str) -> Iterator[Gpu]:
    """Yield those of `listed` that the variable's value names, as CUDA reads it: up to the first name that is none."""
    if allowed is None:
        for number, one in enumerate(listed):
            yield Gpu(number, one.name, variable, one.title, one.board)
        return
    for number, name in enumerate(part.strip() for part in allowed.split(",")):
        found = _named(listed, name)
        if found is None:
            return
        yield Gpu(number, name, variable, found.title, found.board)


def _named(listed: Sequence[_Listed], name: str) -> _Listed | None:
    """Return what a part of the variable names: a board's number, or the beginning of one name that the driver has."""
    if name.isdecimal():
        return next((one for one in listed if one.board == int(name)), None)
    found = [one for one in listed if name and one.uuid.startswith(name)]
    return found[0] if len(found) == 1 else None


def _listed_by_driver() -> list[_Listed]:
    driver = shutil.which("nvidia-smi")
    if driver is not None:
        return parse_list(_answer(driver))
    # A container may be given the GPUs without the driver's program.
    numbers = sorted(int(found[1]) for entry in _files() if (found := re.fullmatch(r"nvidia(\d+)", entry)))
    return [_Listed(str(place), "", "", place) for place in range(len(numbers))]


def _files() -> list[str]:
    try:
        return [entry.name for entry in _DEVICE_FILES.iterdir()]
    except OSError:
        return []


def _answer(driver: str) -> str:
    try:
        told = subprocess.run(
            [driver, "-L"],
            capture_output=True,
            timeout=_DRIVER_SECONDS,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_answered(str(error)) from None
    if told.returncode != 0:
        raise _not_answered(told.stdout + told.stderr)
    return told.stdout


def _not_answered(said: str) -> BenchtuiError:
    return BenchtuiError(
        f"NVIDIA's driver does not say which GPUs there are: {one_line(said, 300) or 'nvidia-smi -L fails'}.",
        "Mend the driver (`nvidia-smi -L` shows it), or use the processor: --devices cpu.",
    )


def parse_list(text: str) -> list[_Listed]:
    """Read what `nvidia-smi -L` prints: boards and, below a board that is divided, its parts, which then are the
    devices."""
    found: list[_Listed] = []
    divided: set[int] = set()
    board, title = 0, ""
    for line in text.splitlines()[:_MOST]:
        if whole := _BOARD.match(line):
            board, title = int(whole[1]), one_line(whole[2], 60)
            found.append(_Listed(str(board), whole[3], title, board))
        elif part := _PART.match(line):
            divided.add(board)
            found.append(_Listed(part[2], part[2], f"{title} MIG {one_line(part[1], 20)}", board))
    if divided:  # CUDA counts parts in its own way: only the whole names are sure
        found = [replace(one, name=one.uuid) for one in found]
    return [one for one in found if one.uuid.startswith("MIG-") or one.board not in divided]


def _amd(nodes: Path) -> list[_Listed]:
    """Read the GPUs from the topology that AMD's kernel driver shows; processors are nodes without SIMD units."""
    found: list[_Listed] = []
    try:
        folders = sorted((folder for folder in nodes.iterdir() if folder.name.isdecimal()), key=lambda f: int(f.name))
        for folder in folders[:_MOST]:
            lines = dict(line.split(" ", 1) for line in (folder / "properties").read_text().splitlines() if " " in line)
            if lines.get("simd_count", "0").strip() not in ("", "0"):
                found.append(_Listed(str(len(found)), "", "AMD GPU", len(found)))
    except OSError:
        return []
    return found
