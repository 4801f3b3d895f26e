"""Finds the weight files in a folder and checks whether they are complete, without loading them."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from benchtui.models.reading import LFS_POINTER, MAX_INDEX, NOT_FETCHED, Unreadable, read_bytes
from benchtui.models.weights.safetensors import Header, Tensor, read_header
from benchtui.text import one_line

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

_STATE = re.compile(r"(?:optimizer|scheduler|scaler|rng_state|training_args|trainer_state|random_states)[\w.-]*")
"""Files besides the weights that a trainer needs to resume."""
_MLX_ADAPTER = "adapters.safetensors"
_ZERO_STEP = re.compile(r"global_step\d+")
_FSDP_FOLDER = re.compile(r"pytorch_model_fsdp_\d+")

_MAX_SHARDS = 10_000
_MAX_HEADERS = 64 * 1024 * 1024
"""Bytes for the headers of all shards of one model; a model of a trillion parameters needs a third of that."""

Entries = Mapping[str, os.DirEntry[str]]
"""A folder's entries by name."""


class _Index(msgspec.Struct, frozen=True):
    weight_map: dict[str, str]


_index_decoder = msgspec.json.Decoder(_Index)


@dataclass(frozen=True)
class Weights:
    """The weight files of one folder: total bytes, newest change (seconds since the epoch), and the problem.

    `pickled` when the only problem is that they are pickles; `headers` are those of complete safetensors files;
    `warnings` say what is only unusual.
    """

    files: tuple[Path, ...] = ()
    bytes: int = 0
    modified: float = 0.0
    problem: str = ""
    pickled: bool = False
    headers: Mapping[Path, Header] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of all the files, by name."""
        return {name: tensor for header in self.headers.values() for name, tensor in header.tensors.items()}


def list_entries(folder: Path | str) -> dict[str, os.DirEntry[str]]:
    """Return the entries of `folder` by name. Raises Unreadable."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or type(error).__name__).lower()
        raise Unreadable(f"cannot be listed ({reason})") from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether `entry` is a folder or a link to one; a link in a loop is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def full_model_weights(folder: Path, entries: Entries) -> Weights:
    """Return the weights that transformers would load from `folder` as a whole model."""
    if SINGLE in entries:
        return _safetensors(folder, [SINGLE])
    if INDEX in entries:
        return _sharded(folder)
    shards = sorted(name for name in entries if _SHARD.fullmatch(name))
    if shards:
        return replace(
            _safetensors(folder, shards), problem=f"{INDEX} is missing, so its {len(shards)} shards cannot be loaded"
        )
    if PICKLE in entries or PICKLE_INDEX in entries:
        return _pickles(folder, [PICKLE, *(name for name in entries if _PICKLE_SHARD.fullmatch(name))])
    return Weights(problem=training_shards(folder, entries) or _nothing(entries))


def training_shards(folder: Path, entries: Entries) -> str:
    """Return what to type when `folder` holds the shards of a distributed training and no weights; "" when it holds
    none."""
    place = shlex.quote(one_line(str(folder), 300))
    steps = sorted(name for name in entries if _ZERO_STEP.fullmatch(name))
    if steps:
        return (
            f"only DeepSpeed's shards ({steps[-1]}), no weights that transformers loads: make them with "
            f"`cd {place} && python zero_to_fp32.py . . --safe_serialization`"
        )
    folders = sorted(name for name in entries if _FSDP_FOLDER.fullmatch(name))
    inside = [name for name in entries if name.endswith(".distcp")]
    if folders or inside:
        shards = f"{place}/{folders[0]}" if folders else place
        return (
            f"only FSDP's shards ({folders[0] if folders else inside[0]}), no weights that transformers loads: merge "
            f"them with `accelerate merge-weights {shards} {place}`"
        )
    return ""


def adapter_weights(folder: Path, entries: Entries) -> Weights:
    """Return the weights that peft would load from `folder`."""
    if ADAPTER in entries:
        return _safetensors(folder, [ADAPTER])
    if ADAPTER_PICKLE in entries:
        return _pickles(folder, [ADAPTER_PICKLE])
    if _MLX_ADAPTER in entries:
        return Weights(
            problem=f"only MLX's adapter ({_MLX_ADAPTER}), which peft does not load: "
            f"fuse it with `mlx_lm.fuse --adapter-path {shlex.quote(one_line(str(folder), 300))}`"
        )
    return Weights(problem=f"no adapter weights ({ADAPTER} is missing)")


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
    if len(shards) > _MAX_SHARDS:
        return Weights(problem=f"{INDEX} names {len(shards):,} shards, which no model has")
    outside = [name for name in shards if "/" in name or "\\" in name or "\0" in name or name in ("", ".", "..")]
    if outside:
        return Weights(problem=f"{INDEX} names {outside[0]!r}, which is not a file of this folder")
    missing = [name for name in shards if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        verb = "are" if more else "is"
        problem = f"{missing[0]}{more} of {len(shards)} shards {verb} missing"
        return replace(measure_files(folder / name for name in shards if name not in missing), problem=problem)
    return _compared(index, _safetensors(folder, shards))


_LEFT_OUT = re.compile(r"(rotary_emb\.inv_freq|\.masked_bias|(attn|attention)\.bias)$")
"""Buffers that old files have and no model needs."""


def _compared(index: _Index, weights: Weights) -> Weights:
    """Return `weights` with the contradictions between the index and the shards."""
    if weights.problem:
        return weights
    held = Counter(name for header in weights.headers.values() for name in header.tensors)
    lost = [name for name in index.weight_map if name not in held and not _LEFT_OUT.search(name)]
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        problem = (
            f"{len(lost)} of {len(index.weight_map)} tensors that {INDEX} names are in no shard "
            f"({one_line(lost[0], 120)}{more})"
        )
        return replace(weights, problem=problem)
    twice = [name for name, times in held.items() if times > 1]
    if twice:
        first = one_line(twice[0], 120)
        said = f"{len(twice)} tensors are in more than one shard ({first}): it is not sure which counts"
        return replace(weights, warnings=(said,))
    return weights


def _safetensors(folder: Path, names: list[str]) -> Weights:
    headers: dict[Path, Header] = {}
    problem, room = "", _MAX_HEADERS
    for name in names:
        try:
            headers[folder / name] = read_header(folder / name)
        except FileNotFoundError:
            problem = f"{name} is a link to nothing"
        except Unreadable as error:
            problem = f"{name} {error}"
        else:
            room -= len(headers[folder / name].raw)
            problem = f"the headers up to {name} are longer than those of any model" if room < 0 else ""
        if problem:
            break
    return replace(measure_files(folder / name for name in names), problem=problem, headers={} if problem else headers)


def _pickles(folder: Path, names: list[str]) -> Weights:
    weights = measure_files(folder / name for name in names)
    if not weights.files:
        return Weights(problem=f"{PICKLE_INDEX} names shards that are missing")
    name = weights.files[0].name
    try:
        if read_bytes(weights.files[0], len(LFS_POINTER))[0] == LFS_POINTER:
            return replace(weights, problem=f"{name} {NOT_FETCHED}")
    except (FileNotFoundError, Unreadable) as error:
        reason = str(error) if isinstance(error, Unreadable) else "is gone"
        return replace(weights, problem=f"{name} {reason}")
    problem = f"only pickled weights ({name}), which can run code when they are loaded"
    return Weights(weights.files, weights.bytes, weights.modified, problem, pickled=True)


def measure_files(paths: Iterable[Path]) -> Weights:
    """Return the files that are there, with their size and newest change."""
    files, size, modified = [], 0, 0.0
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):
            continue  # whoever asked has said already that it is missing
        files.append(path)
        size += status.st_size
        modified = max(modified, status.st_mtime)
    return Weights(tuple(files), size, modified)


def _nothing(entries: Entries) -> str:
    others = sorted(name for name in entries if _OTHER_WEIGHTS.fullmatch(name) and not _STATE.fullmatch(name))
    state = sorted(name for name in entries if _STATE.fullmatch(name))
    if state and not others:
        return f"only the state of the training ({state[0]}), no weights ({SINGLE} is missing)"
    if others:
        return f"no weights that transformers loads (found {others[0]}; {SINGLE} is wanted)"
    return f"no weights ({SINGLE} is missing)"
