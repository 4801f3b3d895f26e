"""Checks GPU, processor and memory without importing torch in this process."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchtui.doctor.check import Check
from benchtui.doctor.packages import missing_extra
from benchtui.errors import BenchtuiError
from benchtui.gpus import CUDA, HIP, find_gpus
from benchtui.interpreter import this_python
from benchtui.machine import container_memory, nvidia_rows, usable_cores
from benchtui.models.layout import size_text
from benchtui.models.reading import MAX_TEXT, Unreadable, read_bytes
from benchtui.text import one_line

_TORCH_SECONDS = 2.4  # from the start: it is asked while the driver is
_LOW_MEMORY = 4_000_000_000
_MIB = 1024 * 1024
_MOST_GPUS = 8
_ASK_TORCH = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"


@dataclass(frozen=True)
class _Gpu:
    """One GPU as the driver describes it; in bytes, None where it gives no number."""

    name: str
    total: int | None
    free: int | None


@dataclass(frozen=True)
class _TorchBuild:
    """The platform that the installed torch was built for; `cuda` and `hip` are versions, None for the other
    platforms."""

    version: str
    cuda: str | None
    hip: str | None


def check_gpu() -> Iterator[Check]:
    build = _torch_build()
    driver = shutil.which("nvidia-smi")
    if driver:
        yield from _nvidia(driver, build)
    elif Path("/dev/kfd").exists() and build:
        yield _amd(build)
    elif sys.platform == "darwin" and platform.machine() == "arm64":
        yield Check("GPU", "ok", "Apple silicon; torch uses it as mps and shares the machine's memory")
    else:
        cores = usable_cores()
        yield Check("GPU", "ok", f"none; models run on {cores} processor core{'s' if cores > 1 else ''}")


def check_devices() -> Iterator[Check]:
    """Say what `--devices auto` would use."""
    try:
        gpus = find_gpus()
    except BenchtuiError as error:
        yield Check("Devices", "warning", f"--devices auto: {error.what}", error.next_step)
        return
    hidden = next((name for name in (CUDA, HIP) if name in os.environ), "")
    seen = f", as {hidden} allows" if hidden else ""
    if gpus:
        named = ", ".join(map(str, gpus[:_MOST_GPUS])) + (" …" if len(gpus) > _MOST_GPUS else "")
        workers = f"{len(gpus)} worker{'s' if len(gpus) > 1 else ''}"
        yield Check("Devices", "ok", f"--devices auto: {workers}, on {named}{seen}")
    else:
        cores = usable_cores()
        each = f"; --workers N shares its {cores} cores out" if cores > 1 else ""
        yield Check("Devices", "ok", f"--devices auto: no GPU{seen}, one worker on the processor{each}")


def check_memory() -> Iterator[Check]:
    import psutil

    memory = psutil.virtual_memory()
    total, free, of = memory.total, memory.available, ""
    container = container_memory()
    if container is not None and container.limit < total:
        total, free, of = container.limit, min(free, container.free), " that this container may use"
    message = f"{size_text(free)} free of {size_text(total)}{of}"
    if free < _LOW_MEMORY:
        step = "Close other programs; a model of 1 B parameters needs about 2 GB in 16 bits, 4 GB in 32."
        yield Check("Memory", "warning", message, step)
    else:
        yield Check("Memory", "ok", message)


def _nvidia(driver: str, build: _TorchBuild | None) -> Iterator[Check]:
    with _TorchQuestion(build is not None and build.cuda is not None) as question:
        gpus = _nvidia_gpus(driver)
        if not gpus:
            step = "Run nvidia-smi yourself: it says what is wrong with the driver."
            yield Check("GPU", "warning", "nvidia-smi is installed but names no GPU; models run on the processor", step)
            return
        yield _usable(", ".join(_gpu_text(gpu) for gpu in gpus[:_MOST_GPUS]), build, question)
    if build and build.cuda and (line := missing_extra("quant")):
        yield Check("4-bit models", "warning", "merged_4bit models need bitsandbytes", line)


def _usable(gpus: str, build: _TorchBuild | None, question: _TorchQuestion) -> Check:
    if build is None:
        return Check("GPU", "ok", gpus)  # the check of the packages reports that torch is missing
    if not build.cuda:
        message = f"{gpus}, but torch {build.version} is built without CUDA: models would run on the processor"
        return Check("GPU", "warning", message, "python -m pip install --force-reinstall torch (a CUDA build)")
    devices = question.answer()
    if devices == 0:
        message = f"{gpus}, but torch {build.version} (CUDA {build.cuda}) finds no device it can use"
        return Check("GPU", "problem", message, "Check CUDA_VISIBLE_DEVICES, and that the driver is new enough for it.")
    sure = "" if devices else " (not tried: it takes long to start)"
    return Check("GPU", "ok", f"{gpus}; torch {build.version} for CUDA {build.cuda}{sure}")


def _amd(build: _TorchBuild) -> Check:
    if build.hip:
        return Check("GPU", "ok", f"AMD, torch {build.version} for ROCm {build.hip}")
    message = f"AMD, but torch {build.version} is built without ROCm: models would run on the processor"
    return Check("GPU", "warning", message, "Install a ROCm build of torch (https://pytorch.org/get-started/locally/).")


def _gpu_text(gpu: _Gpu) -> str:
    if gpu.total is None:
        return gpu.name
    free = f"{size_text(gpu.free)} free of " if gpu.free is not None else ""
    return f"{gpu.name} ({free}{size_text(gpu.total)})"


def _nvidia_gpus(driver: str) -> list[_Gpu]:
    gpus = []
    for name, *memory in nvidia_rows(driver, "name", "memory.total", "memory.free"):
        numbers = [int(part) * _MIB if part.isdecimal() else None for part in memory]
        if name and len(numbers) == 2:
            gpus.append(_Gpu(one_line(name, 60), *numbers))
    return gpus


def _torch_build() -> _TorchBuild | None:
    """Read the metadata and torch/version.py, which torch writes when it is built; importing torch takes seconds."""
    try:
        distribution = importlib.metadata.distribution("torch")
        written = Path(str(distribution.locate_file("torch/version.py")))
        text = read_bytes(written, MAX_TEXT)[0].decode("utf-8", "replace")
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError, Unreadable):
        return None
    return _TorchBuild(distribution.version, _assigned(text, "cuda"), _assigned(text, "hip"))


def _assigned(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}\b[^=\n]*=\s*'([^'\n]*)'", text, re.MULTILINE)
    return found[1] if found else None


class _TorchQuestion:
    """Asks torch how many GPUs it can use, in another process that never outlives the `with` block."""

    def __init__(self, worth_asking: bool) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._end = time.monotonic() + _TORCH_SECONDS
        if worth_asking:
            self._process = subprocess.Popen(
                this_python("-c", _ASK_TORCH),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )

    def __enter__(self) -> _TorchQuestion:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()

    def answer(self) -> int | None:
        """Return torch's answer; None when it did not come in time."""
        if self._process is None:
            return None
        try:
            output, _ = self._process.communicate(timeout=max(self._end - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            return None
        last = output.split()[-1:] if self._process.returncode == 0 else []
        return int(last[0]) if last and last[0].isdecimal() else None
