"""The header of a GGUF file, read to know whether the file is whole. Nothing is loaded.

The format: magic, version, counts, metadata, then for every tensor its name, shape, type and place
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from pathlib import Path

from benchtui.models.layout import size_text
from benchtui.models.reading import LFS_POINTER, NOT_FETCHED, Unreadable, open_regular

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of the metadata values of fixed width, by type."""
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""Numbers in a block and its bytes, by ggml's tensor types."""
_MAX_TENSORS, _MAX_VALUES, _MAX_DEPTH, _MAX_FILE = 200_000, 100_000, 4, 1 << 50
_MAX_STRINGS = 3_000_000
"""More strings than any vocabulary and its merges have: a header with more is treated as damaged."""
_SAMPLES, _SAMPLE_BYTES = 16, 4096


def check_gguf(path: Path) -> str:
    """Return what is wrong with the GGUF file at `path`, worded to follow its name; "" when nothing is.

    Raises FileNotFoundError, Unreadable.
    """
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        if size == 0:
            return "is empty"
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
            return _check(data, size)
    except OSError as error:
        raise Unreadable(f"cannot be read ({(error.strerror or 'error').lower()})") from None
    finally:
        os.close(descriptor)


def _check(data: mmap.mmap, size: int) -> str:
    if data[:4] != _MAGIC:
        if data[: len(LFS_POINTER)] == LFS_POINTER:
            return NOT_FETCHED
        zeros = not any(data[: min(size, _SAMPLE_BYTES)])
        return "is only zeros: the copy was broken off" if zeros else "is not a GGUF file"
    try:
        start, expected = _Reader(data).places()
    except _NotUsable as error:
        return str(error)
    except (struct.error, IndexError, ValueError, OverflowError):
        return "is cut short or has a damaged header"
    if size < expected:
        return f"is cut short: {size_text(size)} of {size_text(expected)} are there ({size:,} of {expected:,} bytes)"
    return _zeros(data, start, expected)


def _zeros(data: mmap.mmap, start: int, end: int) -> str:
    """Return whether the tensors end in zeros, as when a copy stopped after space had been reserved for it."""
    step = (end - start) / _SAMPLES
    places = [start + int(step * number) for number in range(_SAMPLES)]
    blank = [not any(data[place : min(place + _SAMPLE_BYTES, end)]) for place in places]
    trailing = next((number for number, zero in enumerate(reversed(blank)) if not zero), _SAMPLES)
    if end - start < _SAMPLES or trailing < _SAMPLES // 4:
        return ""
    return f"is only zeros {'in its tensors' if trailing == _SAMPLES else 'towards its end'}: the copy was broken off"


class _NotUsable(Exception):  # noqa: N818 - a finding about a file, as Unreadable is
    pass


class _Reader:
    """Reads a header from its start."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at, self._strings = data, 4, 0

    def places(self) -> tuple[int, int]:
        """Return where the tensors begin, and the least length of the file."""
        version = self._number("<I", 4)
        if version not in _VERSIONS:
            raise _NotUsable(f"has a damaged header or an unknown version ({version})")
        tensors, values = self._number("<Q", 8), self._number("<Q", 8)
        if tensors > _MAX_TENSORS or values > _MAX_VALUES:
            raise ValueError("counts")
        alignment = 32
        for _ in range(values):
            key, kind = self._text(), self._number("<I", 4)
            if key == b"general.alignment" and kind == 4:
                alignment = self._number("<I", 4)
            else:
                self._skip(kind)
        ends = [self._tensor_end() for _ in range(tensors)]
        if not alignment or self._at > len(self._data):
            raise ValueError("alignment")
        if not ends:
            raise _NotUsable("holds no tensors")
        start = -(-self._at // alignment) * alignment
        return start, start + max(ends)

    def _number(self, form: str, width: int) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += width
        return int(value)

    def _text(self) -> bytes:
        length = self._number("<Q", 8)
        if self._at + length > len(self._data):
            raise ValueError("length")
        start, self._at = self._at, self._at + length
        return self._data[start : start + min(length, 100)]

    def _skip(self, kind: int, depth: int = 0) -> None:
        if kind == _STRING:
            self._text()
        elif kind == _ARRAY and depth < _MAX_DEPTH:
            inner, count = self._number("<I", 4), self._number("<Q", 8)
            if inner in _WIDTHS:
                self._at += _WIDTHS[inner] * count
            elif inner == _STRING:
                self._skip_strings(count)
            elif count > _MAX_VALUES:
                raise ValueError("count")
            else:
                for _ in range(count):
                    self._skip(inner, depth + 1)
        else:
            self._at += _WIDTHS[kind] if kind in _WIDTHS else len(self._data)  # past the end: an error at the next step

    def _skip_strings(self, count: int) -> None:
        self._strings += count
        if self._strings > _MAX_STRINGS:
            raise ValueError("count")
        data, at, length_of = self._data, self._at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length_of(data, at)[0]
        self._at = at

    def _tensor_end(self) -> int:
        """Return the end of one tensor's data, counted from where the tensors begin."""
        self._text()
        dimensions = self._number("<I", 4)
        if dimensions > 8:
            raise ValueError("dimensions")
        count = math.prod(self._number("<Q", 8) for _ in range(dimensions))
        kind, offset = self._number("<I", 4), self._number("<Q", 8)
        numbers, width = _BLOCKS.get(kind, (1, 0))  # a type of tomorrow: only its place is known
        end = offset + -(-count // numbers) * width
        if end > _MAX_FILE:
            raise ValueError("place")
        return end
