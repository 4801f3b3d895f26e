"""Reads the header of a GGUF file: its metadata, and the name, type, shape and place of every tensor.

The format: magic, version, counts, metadata, then for every tensor its name, shape, type and place
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). A file may come from anywhere: counts, lengths and depths
are bounded, and nothing is read beyond the end of the file.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchtui.models.gguf.types import BLOCKS
from benchtui.models.reading import LFS_POINTER, NOT_FETCHED, Unreadable, open_regular
from benchtui.text import one_line

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_BOOL, _STRING, _ARRAY = 7, 8, 9
_FORMS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", _BOOL: "<B", 10: "<Q", 11: "<q", 12: "<d"}
_NUMBERS = {kind: struct.Struct(form) for kind, form in _FORMS.items()}
"""The metadata values of fixed width, by type."""
_MAX_TENSORS, _MAX_VALUES, _MAX_DEPTH, _MAX_FILE = 200_000, 100_000, 4, 1 << 50
_MAX_STRINGS = 3_000_000
"""More strings than any vocabulary and its merges have: a header with more is treated as damaged."""
MAX_TEXT = 1024 * 1024
"""Longer texts of the metadata are left out; a chat template has a few thousand characters."""
_MAX_TEXTS = 16 * 1024 * 1024
_MAX_NAME = 1024
_SHOWN_ZEROS = 4096


@dataclass(frozen=True)
class GgufArray:
    """An array of the metadata, which is not read: the type and number of its items, and where the first one is."""

    kind: int
    count: int
    start: int


Value = str | int | float | bool | GgufArray


@dataclass(frozen=True)
class GgufTensor:
    """`kind` is ggml's number of its type; `offset` counts from where the tensors begin. `bytes` is 0 for a type that
    is not known here."""

    kind: int
    shape: tuple[int, ...]
    offset: int
    bytes: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class GgufHeader:
    """`metadata` lacks the texts that are longer than any that is used here, which `too_long` names. `places` says
    where in the file the value of each key stands, its type included. Tensors begin at `start`; the file has at least
    `end` bytes when it is whole."""

    metadata: Mapping[str, Value]
    places: Mapping[str, tuple[int, int]]
    tensors: Mapping[str, GgufTensor]
    start: int
    end: int
    too_long: frozenset[str] = frozenset()

    def text(self, key: str) -> str | None:
        """Return the text at `key`, None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """Return the whole number at `key`, None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def array(self, key: str) -> GgufArray | None:
        value = self.metadata.get(key)
        return value if isinstance(value, GgufArray) else None


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Open the file `path` to be read in places. Raises FileNotFoundError, Unreadable."""
    descriptor = open_regular(path)
    try:
        if os.fstat(descriptor).st_size == 0:
            raise Unreadable("is empty")
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
            yield data
    except OSError as error:
        raise Unreadable(f"cannot be read ({(error.strerror or 'error').lower()})") from None
    finally:
        os.close(descriptor)


def read_header(path: Path) -> GgufHeader:
    """Read the header of the file at `path`. Raises FileNotFoundError, Unreadable."""
    with mapped(path) as data:
        return parse_header(data)


def parse_header(data: mmap.mmap, at: int = 0) -> GgufHeader:
    """Read the header that begins at byte `at`. Raises Unreadable."""
    if data[at : at + 4] != MAGIC:
        if data[: len(LFS_POINTER)] == LFS_POINTER:
            raise Unreadable(NOT_FETCHED)
        zeros = not any(data[at : at + _SHOWN_ZEROS])
        raise Unreadable("is only zeros: the copy was broken off" if zeros else "is not a GGUF file")
    try:
        return _Reader(data, at + 4).header()
    except (struct.error, IndexError, ValueError, OverflowError, UnicodeError):
        raise Unreadable("is cut short or has a damaged header") from None


def texts_at(data: mmap.mmap, array: GgufArray, wanted: Iterable[int]) -> dict[int, str]:
    """Return the texts at the places `wanted` of an array of texts, those that are there."""
    if array.kind != _STRING:
        return {}
    inside = {number for number in wanted if 0 <= number < array.count}
    found: dict[int, str] = {}
    at, length_of = array.start, struct.Struct("<Q").unpack_from
    for number in range(max(inside, default=-1) + 1):
        length = length_of(data, at)[0]
        if number in inside and length <= _MAX_NAME:
            found[number] = data[at + 8 : at + 8 + length].decode("utf-8", "replace")
        at += 8 + length
    return found


def numbers_of(data: mmap.mmap, array: GgufArray, most: int = 10_000) -> list[int]:
    """Return the first `most` whole numbers of an array, [] for an array of anything else."""
    number = _NUMBERS.get(array.kind)
    if number is None or array.kind in (6, 12):
        return []
    count = min(array.count, most)
    return [int(number.unpack_from(data, array.start + place * number.size)[0]) for place in range(count)]


class _Reader:
    """Reads a header from its start; `at` is behind the magic bytes."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data, self._begin, self._at = data, at - len(MAGIC), at
        self._strings, self._room = 0, _MAX_TEXTS

    def header(self) -> GgufHeader:
        version = self._number(4)
        if version not in _VERSIONS:
            raise Unreadable(f"has a damaged header or an unknown version ({version})")
        tensors, values = self._number(10), self._number(10)
        if tensors > _MAX_TENSORS or values > _MAX_VALUES:
            raise ValueError("counts")
        metadata, places, too_long = self._metadata(values)
        found: dict[str, GgufTensor] = {}
        for _ in range(tensors):
            name, tensor = self._tensor()
            if name in found:
                raise Unreadable(f"has a damaged header: two tensors are called {one_line(name, 80)}")
            found[name] = tensor
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or self._at > len(self._data):
            raise ValueError("alignment")
        start = self._begin - (self._begin - self._at) // alignment * alignment
        end = start + max((tensor.offset + tensor.bytes for tensor in found.values()), default=0)
        return GgufHeader(metadata, places, found, start, end, frozenset(too_long))

    def _metadata(self, count: int) -> tuple[dict[str, Value], dict[str, tuple[int, int]], set[str]]:
        metadata: dict[str, Value] = {}
        places: dict[str, tuple[int, int]] = {}
        too_long: set[str] = set()
        for _ in range(count):
            key = self._name()
            if key in places:
                raise Unreadable(f"has a damaged header: {one_line(key, 80)} stands in it twice")
            before = self._at
            value = self._value(self._number(4))
            places[key] = (before, self._at)
            if value is None:
                too_long.add(key)
            else:
                metadata[key] = value
        return metadata, places, too_long

    def _number(self, kind: int) -> int:
        form = _NUMBERS[kind]
        (value,) = form.unpack_from(self._data, self._at)
        self._at += form.size
        return int(value)

    def _span(self) -> tuple[int, int]:
        """Return where a text begins and ends, and go on behind it."""
        length = self._number(10)
        start = self._at
        if start + length > len(self._data):
            raise ValueError("length")
        self._at = start + length
        return start, self._at

    def _name(self) -> str:
        start, end = self._span()
        if end - start > _MAX_NAME:
            raise ValueError("name")
        return self._data[start:end].decode("utf-8", "replace")

    def _value(self, kind: int) -> Value | None:
        """Return a value of the metadata; None for a text that is too long."""
        if kind == _STRING:
            start, end = self._span()
            self._room -= min(end - start, MAX_TEXT)
            if end - start > MAX_TEXT or self._room < 0:
                return None
            return self._data[start:end].decode("utf-8", "replace")
        if kind == _ARRAY:
            return self._array()
        form = _NUMBERS.get(kind)
        if form is None:
            raise ValueError("type")
        (value,) = form.unpack_from(self._data, self._at)
        self._at += form.size
        return bool(value) if kind == _BOOL else value

    def _array(self) -> GgufArray:
        kind, count = self._number(4), self._number(10)
        start = self._at
        self._skip_items(kind, count, depth=0)
        return GgufArray(kind, count, start)

    def _skip_items(self, kind: int, count: int, depth: int) -> None:
        if kind in _NUMBERS:
            self._at += _NUMBERS[kind].size * count
        elif kind == _STRING:
            self._skip_strings(count)
        elif kind == _ARRAY and depth < _MAX_DEPTH and count <= _MAX_VALUES:
            for _ in range(count):
                self._skip_items(self._number(4), self._number(10), depth + 1)
        else:
            raise ValueError("array")
        if self._at > len(self._data):
            raise ValueError("length")

    def _skip_strings(self, count: int) -> None:
        self._strings += count
        if self._strings > _MAX_STRINGS:
            raise ValueError("count")
        data, at, length_of = self._data, self._at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length_of(data, at)[0]
        self._at = at

    def _tensor(self) -> tuple[str, GgufTensor]:
        name, dimensions = self._name(), self._number(4)
        if dimensions > 8:
            raise ValueError("dimensions")
        shape = tuple(self._number(10) for _ in range(dimensions))
        kind, offset = self._number(4), self._number(10)
        numbers, width = BLOCKS.get(kind, (1, 0))  # a type of tomorrow: only its place is known
        size = -(-math.prod(shape) // numbers) * width
        if offset + size > _MAX_FILE:
            raise ValueError("place")
        return name, GgufTensor(kind, shape, offset, size)
