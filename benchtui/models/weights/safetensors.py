"""Reads and checks the header of a safetensors file without the tensors.

The format: eight bytes with the little-endian header length N, N bytes of JSON that give every tensor its dtype, shape
and place, then the tensors, to the last byte (https://github.com/huggingface/safetensors#format). So the size alone
shows that a file was cut short.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.models.layout import size_text
from benchtui.models.reading import LFS_POINTER, NOT_FETCHED, Unreadable, open_regular
from benchtui.text import one_line

_MAX_HEADER = 32 * 1024 * 1024
_MAX_FILE = 1 << 50
_MAX_DIMENSIONS = 64
_WIDTHS = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of one number; for dtypes that are missing here only the place is checked."""


class Tensor(msgspec.Struct, frozen=True):
    """One entry of the header; `data_offsets` counts from the end of the header."""

    dtype: str = ""
    shape: tuple[int, ...] = ()
    data_offsets: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Header:
    """`raw` is the header exactly as in the file, length included; `modified` is in nanoseconds since the epoch."""

    tensors: dict[str, Tensor]
    raw: bytes
    file_bytes: int
    modified_ns: int


_decoder = msgspec.json.Decoder(dict[str, Tensor])
_raw_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_METADATA = "__metadata__"


def read_header(path: Path | str) -> Header:
    """Read the header of `path` and check it against the size of the file.

    Raises FileNotFoundError, and Unreadable when the file is not a safetensors file or is incomplete.
    """
    descriptor = open_regular(path)
    try:
        status = os.fstat(descriptor)
        raw = _read_raw(descriptor, status.st_size)
    except OSError as error:
        raise Unreadable(f"cannot be read ({(error.strerror or 'error').lower()})") from None
    finally:
        os.close(descriptor)
    tensors = _decode(raw[8:])
    _check_places(tensors)
    expected = len(raw) + max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)
    if status.st_size < expected:
        raise Unreadable(f"is cut short: {_of(status.st_size, expected)} are there")
    if status.st_size > expected:
        raise Unreadable(f"is longer than its header says ({status.st_size:,} bytes, not {expected:,})")
    return Header(tensors, raw, status.st_size, status.st_mtime_ns)


def _read_raw(descriptor: int, size: int) -> bytes:
    start = os.read(descriptor, 32)
    if not start:
        raise Unreadable("is empty")
    if start.startswith(LFS_POINTER):
        raise Unreadable(NOT_FETCHED)
    length = int.from_bytes(start[:8], "little")
    if length > _MAX_HEADER or (len(start) > 8 and start[8:9] != b"{"):
        raise Unreadable("is not a safetensors file")
    if size < 8 + length:
        raise Unreadable(f"is cut short: {_of(size, 8 + length)} of its header are there")
    raw = start[: 8 + length]
    while len(raw) < 8 + length:
        chunk = os.read(descriptor, 8 + length - len(raw))
        if not chunk:
            raise Unreadable("is cut short")
        raw += chunk
    return raw


def _decode(header: bytes) -> dict[str, Tensor]:
    try:
        try:
            tensors = _decoder.decode(header)
        except msgspec.ValidationError:  # free text under __metadata__ may carry a tensor's field names
            entries = _raw_decoder.decode(header)
            entries.pop(_METADATA, None)
            tensors = {name: msgspec.json.decode(entry, type=Tensor) for name, entry in entries.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable("has a damaged header") from None
    tensors.pop(_METADATA, None)
    return tensors


def _check_places(tensors: dict[str, Tensor]) -> None:
    """Check that the tensors follow one another without a gap, each as long as its shape says; the loader refuses
    others."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        start, after = tensor.data_offsets
        if start != end or after < start or not _fits(tensor):
            raise Unreadable(f"has a damaged header (the place of {one_line(name, 80)} does not fit its shape)")
        end = after
    if end > _MAX_FILE:
        raise Unreadable("has a damaged header (no file is that large)")


def _fits(tensor: Tensor) -> bool:
    start, end = tensor.data_offsets
    width = _WIDTHS.get(tensor.dtype)
    if len(tensor.shape) > _MAX_DIMENSIONS or min(tensor.shape, default=0) < 0:
        return False
    return width is None or end - start == math.prod(tensor.shape) * width


def _of(there: int, expected: int) -> str:
    ours, whole = size_text(there), size_text(expected)
    return f"{ours} of {whole}" if ours != whole else f"{there:,} of {expected:,} bytes"
