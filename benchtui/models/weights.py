"""What weight files are in a folder and whether they are whole, found without loading them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.models.reading import MAX_INDEX, Unreadable, read_bytes
from benchtui.models.safetensors import read_header

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"
ADAPTER_PICKLE = "adapter_model.bin"

_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_PICKLE_SHARD = re.compile(r"pytorch_model-\d+-of-\d+\.bin")
_OTHER_WEIGHTS = re.compile(r".+\.(?:safetensors|bin|pt|pth|ckpt|distcp|npz|h5|msgpack)")
_GGUF_MAGIC = b"GGUF"

Entries = Mapping[str, os.DirEntry[str]]
"""A folder's entries by name."""


class _Index(msgspec.Struct, frozen=True):
    weight_map: dict[str, str]


_index_decoder = msgspec.json.Decoder(_Index)


@dataclass(frozen=True)
class Weights:
    """The weight files of one folder: total bytes, newest change (seconds since the epoch), and what is wrong.

    `pickled` when the only thing wrong is that they are pickles.
    """

    files: tuple[Path, ...] = ()
    bytes: int = 0
    modified: float = 0.0
    problem: str = ""
    pickled: bool = False


def list_entries(folder: Path | str) -> dict[str, os.DirEntry[str]]:
    """The entries of `folder` by name. Raises Unreadable."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or type(error).__name__).lower()
        raise Unreadable(f"cannot be listed ({reason})") from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a folder or a link to one; a link in a loop is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def full_model_weights(folder: Path, entries: Entries) -> Weights:
    """The weights that transformers would load from `folder` as a whole model."""
    if SINGLE in entries:
        return _safetensors(folder, [SINGLE])
    if INDEX in entries:
        return _sharded(folder)
    shards = sorted(name for name in entries if _SHARD.fullmatch(name))
    if shards:
        return _with(_safetensors(folder, shards), f"{INDEX} is missing, so its {len(shards)} shards cannot be loaded")
    if PICKLE in entries or PICKLE_INDEX in entries:
        return _pickles(folder, [PICKLE, *(name for name in entries if _PICKLE_SHARD.fullmatch(name))])
    return Weights(problem=_nothing(entries))


def adapter_weights(folder: Path, entries: Entries) -> Weights:
    """The weights that peft would load from `folder`."""
    if ADAPTER in entries:
        return _safetensors(folder, [ADAPTER])
    if ADAPTER_PICKLE in entries:
        return _pickles(folder, [ADAPTER_PICKLE])
    return Weights(problem=f"no adapter weights ({ADAPTER} is missing)")


def gguf_weights(path: Path) -> Weights:
    """The GGUF file `path`: its size, and whether it starts as one."""
    try:
        start, _ = read_bytes(path, len(_GGUF_MAGIC))
    except FileNotFoundError:
        return Weights(problem="is a link to nothing")
    except Unreadable as error:
        return Weights(problem=str(error))
    weights = _measure(path.parent, [path.name])
    if start != _GGUF_MAGIC:
        return _with(weights, "is not a GGUF file" if start else "is empty")
    return weights


def _sharded(folder: Path) -> Weights:
    try:
        data, whole = read_bytes(folder / INDEX, MAX_INDEX)
        index = _index_decoder.decode(data) if whole else None
    except FileNotFoundError:
        return Weights(problem=f"{INDEX} is a link to nothing")
    except Unreadable as error:
        return Weights(problem=f"{INDEX} {error}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Weights(problem=f"{INDEX} is not a list of shards")
    if index is None or not index.weight_map:
        return Weights(problem=f"{INDEX} is {'empty' if index else 'too large'}")
    shards = sorted(set(index.weight_map.values()))
    outside = [name for name in shards if "/" in name or "\\" in name or "\0" in name or name in ("", ".", "..")]
    if outside:
        return Weights(problem=f"{INDEX} names {outside[0]!r}, which is not a file of this folder")
    missing = [name for name in shards if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        verb = "are" if more else "is"
        problem = f"{missing[0]}{more} of {len(shards)} shards {verb} missing"
        return _with(_measure(folder, (name for name in shards if name not in missing)), problem)
    return _safetensors(folder, shards)


def _safetensors(folder: Path, names: list[str]) -> Weights:
    problem = ""
    for name in names:
        try:
            read_header(folder / name)
        except FileNotFoundError:
            problem = f"{name} is a link to nothing"
        except Unreadable as error:
            problem = f"{name} {error}"
        if problem:
            break
    return _with(_measure(folder, names), problem)


def _pickles(folder: Path, names: list[str]) -> Weights:
    weights = _measure(folder, names)
    if not weights.files:
        return Weights(problem=f"{PICKLE_INDEX} names shards that are missing")
    name = weights.files[0].name
    problem = f"only pickled weights ({name}), which can run code when they are loaded"
    return Weights(weights.files, weights.bytes, weights.modified, problem, pickled=True)


def _measure(folder: Path, names: Iterable[str]) -> Weights:
    files, size, modified = [], 0, 0.0
    for name in names:
        path = folder / name
        try:
            status = path.stat()
        except (OSError, ValueError):
            continue  # whoever asked has said already that it is missing
        files.append(path)
        size += status.st_size
        modified = max(modified, status.st_mtime)
    return Weights(tuple(files), size, modified)


def _with(weights: Weights, problem: str) -> Weights:
    return Weights(weights.files, weights.bytes, weights.modified, problem)


def _nothing(entries: Entries) -> str:
    others = sorted(name for name in entries if _OTHER_WEIGHTS.fullmatch(name))
    if others:
        return f"no weights that transformers loads (found {others[0]}; {SINGLE} is wanted)"
    return f"no weights ({SINGLE} is missing)"
