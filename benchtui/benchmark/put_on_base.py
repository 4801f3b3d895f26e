"""Make a model folder of a state dict, once: everything else then treats it as any trained model."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from benchtui.backends.hf import CHECKPOINTS
from benchtui.backends.registry import find_backend
from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import write_atomic
from benchtui.interpreter import this_python
from benchtui.models.describe import ModelDescription
from benchtui.models.discovery import absolute
from benchtui.models.gguf.parts import is_gguf
from benchtui.models.identity import file_identity
from benchtui.models.layout import size_text
from benchtui.plans.choice import Choice
from benchtui.plans.prepare import describe_model
from benchtui.runs.lock import FolderLock
from benchtui.runs.worker_contract import SUPERVISOR_PID
from benchtui.text import one_line

RECORD = "checkpoint.json"
"""What a made folder says of where it is from."""
_RULES = "1"
"""Raised when the rules that translate names change, so that folders are made again."""
_PICKLES = (".pt", ".pth", ".bin", ".ckpt")
_SUFFIXES = (".safetensors", *_PICKLES)
_SILENCE = 600.0
_SPEAK_EVERY = 10.0
_GENERAL_NAMES = re.compile(r"(pytorch_|torchtune_|hf_|meta_)?(model|consolidated|checkpoint|weights)([_.-]?\d+)*")

Said = Callable[[str], None]


def with_checkpoint(choice: Choice, say: Said) -> Choice:
    """Return `choice` with the model folder that --model-checkpoint names: that folder, or the one made of its file.

    `say` is told what is made and how far it is. Raises UsageError for what is no checkpoint or lacks a base,
    BenchtuiError where its tensors are not those of the base's architecture.
    """
    named = choice.model_checkpoint
    if named is None:
        return choice
    path = absolute(Path(named).expanduser())
    shown = one_line(str(path), 300)
    if not path.exists():
        raise UsageError(f"There is no file or folder {shown}.", "Check what --model-checkpoint names.")
    if path.is_file() and not is_gguf(path):
        path = _made_of(path, choice, say)
    return dataclasses.replace(choice, model=str(path), model_checkpoint=None)


def _made_of(file: Path, choice: Choice, say: Said) -> Path:
    """Return the model folder of a state dict; it is made where it is not there yet."""
    base = _base(file, choice)
    identity = file_identity(file)
    configuration = msgspec.json.encode(_configuration(base))
    parts = (_RULES.encode(), identity.encode(), base.identity.encode(), configuration)  # its tokenizer counts too
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    folder = absolute(choice.outputs) / f"{_name(file)}-{digest[:8]}"
    if folder.exists():
        if _record(folder).get("digest") != digest:
            raise BenchtuiError(f"{folder} is there and was not made of {file.name}.", "Rename or remove it.")
        say(f"{file.name} on {one_line(base.name, 200)}: {folder}, made before.")
        return folder
    part = folder.with_name(f".{folder.name}.part")
    lock = part.with_name(f"{part.name}.lock")
    with FolderLock(lock, f"The folder for {file.name}"):
        shutil.rmtree(part, ignore_errors=True)  # of a process that died
        size = file.stat().st_size
        say(
            f"{file.name} ({size_text(size)}) is put on {one_line(base.name, 200)}: a model folder of about that size "
            f"is made once, in {folder}."
        )
        try:
            part.mkdir(parents=True)
            write_atomic(part / "config.json", configuration)
            if base.generation:
                write_atomic(part / "generation_config.json", msgspec.json.encode(dict(base.generation)))
            notes = _put_on_base(file, part, base, say)
            record = {"digest": digest, "file": str(file), "identity": identity, "base": base.name, "notes": notes}
            write_atomic(part / RECORD, msgspec.json.format(msgspec.json.encode(record), indent=1))
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            lock.unlink(missing_ok=True)
    for note in notes:
        say(f"{file.name}: {note}.")
    return folder


def _base(file: Path, choice: Choice) -> ModelDescription:
    """Describe the base whose architecture the file's tensors have. Raises UsageError where it cannot be that."""
    backend, shown = find_backend(choice.backend), one_line(str(file), 300)
    if file.suffix not in _SUFFIXES:
        raise UsageError(
            f"{shown} is no state dict: its name does not end in {', '.join(_SUFFIXES)}.",
            "Name the file with the weights, or a model's folder.",
        )
    if "full" not in backend.takes:
        raise UsageError(f"The {backend.name} backend loads no state dict.", "Leave --backend out: hf does, and vllm.")
    if file.suffix in _PICKLES and not choice.permissions.pickle:
        raise BenchtuiError(
            f"{shown} is a pickle, which can run code when it is loaded.",
            "If you trust its source, allow it for this run with --allow-pickle (it is read with PyTorch's "
            "weights_only); or save it as safetensors.",
        )
    if choice.base is None:
        raise UsageError(
            f"{shown} holds weights and no architecture.",
            "Name the model it was trained from with --base-model HUB_ID or PATH (with --no-base: --adapter-base).",
        )
    base = describe_model(choice.base, choice, backend)
    name = one_line(base.name, 200)
    if base.adapter or base.architecture.remote_code:
        what = "is an adapter" if base.adapter else "needs code of its own"
        raise UsageError(f"{name} {what}: no state dict is put on it.", "Name a whole model, or give a model's folder.")
    if base.architecture.quantization:
        raise UsageError(f"The weights of {name} are quantised.", "Name its 16-bit counterpart with --base-model.")
    return base


def _configuration(base: ModelDescription) -> dict[str, Any]:
    """The base's config.json, which then also says where it is from: so the base of the made folder is found."""
    return {**base.config, "_name_or_path": base.name}


def _name(file: Path) -> str:
    """Return a folder's name for a checkpoint: the file's, with its folder's where it says nothing."""
    stem = file.name.removesuffix(file.suffix)
    name = f"{file.parent.name}-{stem}" if _GENERAL_NAMES.fullmatch(stem) else stem
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")[:80] or "checkpoint"


def _record(folder: Path) -> dict[str, Any]:
    try:
        found = msgspec.json.decode((folder / RECORD).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}
    return found if isinstance(found, dict) else {}


def _put_on_base(file: Path, folder: Path, base: ModelDescription, say: Said) -> list[str]:
    """Write weights and tokenizer into `folder`, by a process of its own: it imports PyTorch. Returns what it
    recognised."""
    spoken, last = 0.0, dict[str, Any]()
    command = this_python("-m", CHECKPOINTS, str(file), str(folder), base.name, base.revision or "")
    for last in _lines_of(command, file.name, offline=base.from_cache):
        spoken = spoken or time.monotonic()
        if "of" in last and time.monotonic() - spoken >= _SPEAK_EVERY:
            spoken = time.monotonic()
            say(f"{file.name}: {size_text(last['written'])} of {size_text(last['of'])} written.")
    if "error" in last:
        raise BenchtuiError(str(last["error"]), str(last.get("next_step", "")))
    if "notes" not in last:
        raise BenchtuiError(f"{file.name} could not be put on its base: the process ended without an answer.")
    return [str(note) for note in last["notes"]]


def _lines_of(command: list[str], what: str, *, offline: bool) -> Iterator[dict[str, Any]]:
    """Yield the lines of JSON that the process prints. It dies with this one.

    Raises BenchtuiError where it says nothing for ten minutes, or ends with an error that nobody expected.
    """
    failed = f"{what} could not be put on its base"
    reading, writing = os.pipe()  # open as long as this process lives: the other one watches it
    environment = {**os.environ, SUPERVISOR_PID: str(os.getpid()), **({"HF_HUB_OFFLINE": "1"} if offline else {})}
    try:
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                command, stdin=reading, stdout=subprocess.PIPE, stderr=complaints, env=environment,
                start_new_session=True,
            )  # fmt: skip
            try:
                assert process.stdout is not None  # noqa: S101 - it was asked for above
                yield from _decoded(process.stdout, failed)
                if process.wait(_SILENCE):
                    complaints.seek(max(complaints.seek(0, os.SEEK_END) - 4096, 0))
                    said = complaints.read().decode(errors="replace").strip().split("\n")[-1]
                    raise BenchtuiError(f"{failed}: {one_line(said, 300)}.")
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
    finally:
        os.close(reading)
        os.close(writing)


def _decoded(out: IO[bytes], failed: str) -> Iterator[dict[str, Any]]:
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        while True:
            if not selector.select(_SILENCE):
                raise BenchtuiError(f"{failed}: no sign of life for ten minutes.")
            line = out.readline()
            if not line:
                return
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                continue  # what a library printed
