"""Finds out whether a GGUF file is whole, and whether it is a model by itself."""

from __future__ import annotations

import mmap
from pathlib import Path

from benchtui.models.gguf.header import MAGIC, GgufHeader, mapped, parse_header
from benchtui.models.layout import size_text
from benchtui.models.reading import Unreadable

_SAMPLES, _SAMPLE_BYTES = 16, 4096
_MOST_JOINED = 1000
_NO_MODELS = {
    "adapter": "is a LoRA adapter, no model by itself",
    "mmproj": "is a projector for images or sound, no model by itself",
    "vocab": "is a vocabulary without a model",
    "imatrix": "is an importance matrix, no model",
}
"""By `general.type`."""


def check_gguf(path: Path) -> str:
    """Return what is wrong with the GGUF file at `path`, worded to follow its name; "" when nothing is.

    Raises FileNotFoundError.
    """
    try:
        with mapped(path) as data:
            return problem_of(data, parse_header(data))
    except Unreadable as error:
        return str(error)


def problem_of(data: mmap.mmap, header: GgufHeader) -> str:
    """Return what is wrong with the file whose header is `header`, worded to follow its name; "" when nothing is."""
    kind = header.text("general.type") or _old_kind(header)
    if kind in _NO_MODELS:
        return _NO_MODELS[kind]
    if not header.tensors:
        return "holds no tensors"
    size = len(data)
    if size < header.end:
        expected = header.end
        return f"is cut short: {size_text(size)} of {size_text(expected)} are there ({size:,} of {expected:,} bytes)"
    joined = _joined(data, header)
    if joined > 1:
        return f"is {joined} GGUF files one after another: give the first part"
    return _zeros(data, header.start, header.end)


def _old_kind(header: GgufHeader) -> str:
    """Return what a file without `general.type` is, by the keys that only such files have; "" for a model."""
    if "adapter.type" in header.metadata:
        return "adapter"
    return "mmproj" if header.text("general.architecture") == "clip" else ""


def _joined(data: mmap.mmap, header: GgufHeader) -> int:
    """Count the GGUF files that follow each other in `data`, as `cat` leaves the parts of a split model."""
    count, end = 1, header.end
    while count < _MOST_JOINED:
        following = data[end : end + 256].lstrip(b"\0")  # a file may end with zeros that fill up its last block
        if not following.startswith(MAGIC):
            return count
        count += 1
        try:
            end = parse_header(data, data.find(MAGIC, end)).end
        except Unreadable:
            return count
    return count


def _zeros(data: mmap.mmap, start: int, end: int) -> str:
    """Return whether the tensors end in zeros, as when a copy stopped after space had been reserved for it."""
    step = (end - start) / _SAMPLES
    places = [start + int(step * number) for number in range(_SAMPLES)]
    blank = [not any(data[place : min(place + _SAMPLE_BYTES, end)]) for place in places]
    trailing = next((number for number, zero in enumerate(reversed(blank)) if not zero), _SAMPLES)
    if end - start < _SAMPLES or trailing < _SAMPLES // 4:
        return ""
    return f"is only zeros {'in its tensors' if trailing == _SAMPLES else 'towards its end'}: the copy was broken off"
