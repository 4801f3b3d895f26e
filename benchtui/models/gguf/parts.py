"""Finds the files that a GGUF model consists of: one, or the parts that `gguf-split` made of it."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.gguf.check import problem_of
from benchtui.models.gguf.header import GgufHeader, mapped, parse_header
from benchtui.models.gguf.quantization import quantization_of
from benchtui.models.gguf.types import TYPE_NAMES
from benchtui.models.reading import Unreadable
from benchtui.models.weights.files import list_entries
from benchtui.text import one_line

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf")
_MANY = 4
"""A part with fewer matrices may be of another type than all others: the output layer, for example."""


@dataclass(frozen=True)
class GgufFiles:
    """A model's files in their order, with what they hold as far as they could be read.

    `problem` says why they are no usable model, worded to follow the first file's name; `warnings` what is unusual.
    """

    files: tuple[Path, ...]
    headers: tuple[GgufHeader, ...] = ()
    problem: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def quantization(self) -> str:
        return quantization_of(self.headers)


@dataclass(frozen=True)
class _File:
    """One file: its header where it could be read, what is wrong with it, and which part of a split model it is by its
    header (number from 1, of how many)."""

    path: Path
    header: GgufHeader | None
    problem: str
    part: tuple[int, int] | None = None


@dataclass
class _Group:
    """Parts by their numbers, of a model in `total` of them."""

    total: int
    parts: dict[int, _File] = field(default_factory=dict)


def is_gguf(path: Path) -> bool:
    """Return whether `path` is a file that is called a GGUF file, or begins as one (in Ollama's store none has a
    suffix)."""
    if path.suffix == ".gguf":
        return path.is_file()
    try:
        with mapped(path) as data:
            return data[:4] == b"GGUF"
    except (FileNotFoundError, Unreadable):
        return False


def gguf_models(folder: Path, names: Iterable[str]) -> list[GgufFiles]:
    """Group the GGUF files `names` of `folder` into models, in the order of the names: a split model counts once.

    Parts are known by their names; renamed ones by their headers, where each is there exactly once.
    """
    files = [_read(folder / name) for name in sorted(names)]
    named: dict[tuple[str, int], _Group] = {}
    loose: dict[int, list[_File]] = {}
    found: list[GgufFiles] = []
    for file in files:
        match = _PART.fullmatch(file.path.name)
        if match and int(match["number"]) <= int(match["total"]):
            key = (match["stem"], int(match["total"]))
            named.setdefault(key, _Group(key[1])).parts[int(match["number"])] = file
        elif file.part and not file.problem:
            loose.setdefault(file.part[1], []).append(file)
        else:
            found.append(GgufFiles((file.path,), (file.header,) if file.header else (), file.problem))
    found += [_split(group, stem) for (stem, _), group in named.items()]
    found += [_renamed(parts, total) for total, parts in loose.items()]
    return sorted(found, key=lambda model: model.files[0].name)


def files_of(path: Path) -> GgufFiles:
    """Return the files of the model that the GGUF file `path` is, or is a part of.

    Raises BenchtuiError where the folder of a part cannot be listed.
    """
    own = _read(path)
    if own.part is None and not _PART.fullmatch(path.name):
        return GgufFiles((path,), (own.header,) if own.header else (), own.problem)
    try:
        names = [name for name in list_entries(path.parent) if name.endswith(".gguf")]
    except Unreadable as error:
        raise BenchtuiError(f"{one_line(str(path.parent), 300)} {error}.", "Make it readable.") from None
    found = (model for model in gguf_models(path.parent, {*names, path.name}) if path in model.files)
    return next(found, GgufFiles((path,), problem=own.problem or "is part of a model whose other parts are not here"))


def _read(path: Path) -> _File:
    try:
        with mapped(path) as data:
            header = parse_header(data)
            return _File(path, header, problem_of(data, header), _part_of(header))
    except FileNotFoundError:
        return _File(path, None, "is a link to nothing")
    except Unreadable as error:
        return _File(path, None, str(error))


def _part_of(header: GgufHeader) -> tuple[int, int] | None:
    count, number = header.number("split.count"), header.number("split.no")
    if count is None or number is None or count < 2 or not 0 <= number < count:
        return None
    return number + 1, count


def _split(group: _Group, stem: str) -> GgufFiles:
    """Return the model whose parts are named as llama.cpp names them."""
    there = [group.parts[number] for number in sorted(group.parts)]
    lost = [number for number in range(1, min(group.total, 1000) + 1) if number not in group.parts]
    if lost:
        first = one_line(f"{stem}-{lost[0]:05}-of-{group.total:05}.gguf", 120)
        more = f"{len(lost)} of them, {first} first, are missing" if len(lost) > 1 else f"{first} is missing"
        problem = f"is one of {group.total} parts, and {more}"
        return GgufFiles(tuple(part.path for part in there), _headers(there), problem)
    for number, file in group.parts.items():
        if file.part and file.part != (number, group.total):
            own, of = file.part
            problem = f"cannot be loaded: {one_line(file.path.name, 120)} is part {own} of {of} by its own header"
            return GgufFiles(tuple(part.path for part in there), _headers(there), problem)
    return _whole(there)


def _renamed(parts: list[_File], total: int) -> GgufFiles:
    """Return the model whose parts are told by their headers alone."""
    by_number = {file.part[0]: file for file in parts if file.part}
    there = [by_number[number] for number in sorted(by_number)]
    if len(parts) == total == len(by_number):
        return _whole(there)
    number = there[0].part[0] if there[0].part else 0
    reason = "its other parts are not all here" if len(by_number) < total else "which ones belong together is not clear"
    problem = (
        f"is part {number} of {total} of a split model, and {reason}: give all parts their names again "
        f"(NAME-{number:05}-of-{total:05}.gguf)"
    )
    return GgufFiles(tuple(file.path for file in there), _headers(there), problem)


def _whole(parts: Sequence[_File]) -> GgufFiles:
    """Return the model of these parts, none of which is missing, with what contradicts that they are of one model."""
    model = GgufFiles(tuple(part.path for part in parts), _headers(parts))
    for part in parts:
        if part.problem:
            name = "" if part is parts[0] else f"cannot be loaded: {one_line(part.path.name, 120)} "
            return dataclasses.replace(model, problem=name + part.problem)
    counts = Counter(name for header in model.headers for name in header.tensors)
    twice = next((name for name, count in counts.items() if count > 1), None)
    declared = model.headers[0].number("split.tensors.count")
    if twice is not None and len(parts) > 1 and any(part.part for part in parts):
        problem = f"cannot be loaded: {one_line(twice, 80)} is in two of its parts, which are of different models"
        return dataclasses.replace(model, problem=problem)
    if declared is not None and declared != len(counts):
        problem = f"cannot be loaded: its {len(parts)} parts hold {len(counts)} of {declared} tensors"
        return dataclasses.replace(model, problem=problem)
    return dataclasses.replace(model, warnings=_mixed(parts))


def _mixed(parts: Sequence[_File]) -> tuple[str, ...]:
    """Warn of a part whose matrices are mostly of a type that no other part has: it may be of another quantisation."""
    types = [
        Counter(tensor.kind for tensor in part.header.tensors.values() if len(tensor.shape) > 1)
        for part in parts
        if part.header
    ]
    for number, own in enumerate(types):
        others = {kind for place, other in enumerate(types) if place != number for kind in other}
        most = max(own, key=lambda kind: own[kind], default=None)
        if most is not None and own.total() >= _MANY and others and most not in others:
            name = TYPE_NAMES.get(most, f"type {most}")
            name = f"{one_line(parts[number].path.name, 120)} is mostly {name}"
            return (f"{name}, which no other part is: it may be of another file",)
    return ()


def _headers(parts: Sequence[_File]) -> tuple[GgufHeader, ...]:
    return tuple(part.header for part in parts if part.header)
