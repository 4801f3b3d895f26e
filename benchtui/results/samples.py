"""Reads lm-eval's `samples_*.jsonl` line by line: only the hashes and scores of each document."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError

_log = logging.getLogger(__name__)

Value = bool | int | float | list[bool | int | float]
"""A metric of one document: a number, or several (IFEval's instructions; the pairs behind a perplexity)."""

_BUFFER = 1 << 20
"""Lines with five-shot prompts are longer than the usual buffer."""

_ODD = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
"""Characters that msgspec does not take in the name of a field."""

_RESERVED = {
    "doc_id",
    "doc",
    "target",
    "arguments",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
}


class Sample(msgspec.Struct, frozen=True):
    """One document under one filter. `values` holds (metric, value); `offset` is the byte where its line starts."""

    task: str
    doc_id: int
    filter: str
    doc_hash: str
    prompt_hash: str
    target_hash: str
    values: tuple[tuple[str, Value], ...]
    offset: int


class _Head(msgspec.Struct):
    metrics: list[str] = []


@functools.lru_cache(maxsize=256)
def _line_type(metrics: tuple[str, ...]) -> type[Any]:
    """Return a record type with only the needed fields: msgspec skips prompts and answers without building them."""
    fields: list[tuple[str, Any, Any]] = [
        ("doc_id", int, msgspec.NODEFAULT),
        ("filter", str, "none"),
        ("doc_hash", str, ""),
        ("prompt_hash", str, ""),
        ("target_hash", str, ""),
    ]
    fields += [(f"m{i}", Any, None) for i in range(len(metrics))]
    names = {f"m{i}": name for i, name in enumerate(metrics) if not _ODD.search(name)}
    return msgspec.defstruct("SampleLine", fields, rename=names, gc=False)


def read_samples(file: Path, task: str) -> Iterator[Sample]:
    """Yield the samples in `file`, in its order.

    An incomplete last line is left out with a warning in the log; a damaged line elsewhere raises BenchtuiError naming
    file and line, and so does a file that cannot be read.
    """
    try:
        with file.open("rb", buffering=_BUFFER) as lines:
            yield from _decode(lines, file, task)
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.") from None


def read_line(file: Path, at: int) -> dict[str, Any]:
    """Return everything in the line that begins at byte `at`. Raises BenchtuiError naming the file where it cannot be
    read."""
    try:
        with file.open("rb") as lines:
            lines.seek(at)
            raw = json.loads(lines.readline())
    except (OSError, ValueError, RecursionError) as error:
        raise BenchtuiError(f"{file} cannot be read at byte {at}: {error}.") from None
    if not isinstance(raw, dict):
        raise BenchtuiError(f"{file} holds no sample at byte {at}.")
    return raw


def _decode(lines: Iterator[bytes] | Any, file: Path, task: str) -> Iterator[Sample]:
    metrics: tuple[str, ...] = ()
    decoder: msgspec.json.Decoder[Any] | None = None
    offset = 0
    torn: tuple[int, str] | None = None
    for number, line in enumerate(lines, 1):
        start, offset = offset, offset + len(line)
        if not line.strip():
            continue
        if torn is not None:
            raise BenchtuiError(
                f"{file} is damaged in line {torn[0]}: {torn[1]}.", "Restore the file or run the benchmark again."
            )
        try:
            if decoder is None:
                metrics = _metrics(line)
                decoder = msgspec.json.Decoder(_line_type(metrics))
            record = _record(decoder, line, metrics)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            torn = (number, str(error))
            continue
        values = tuple((name, getattr(record, f"m{i}")) for i, name in enumerate(metrics))
        yield Sample(
            task,
            record.doc_id,
            record.filter,
            record.doc_hash,
            record.prompt_hash,
            record.target_hash,
            tuple((name, value) for name, value in values if _is_score(value)),
            start,
        )
    if torn is not None:
        _log.warning("%s: line %d is torn (%s); it was left out", file, *torn)


def _metrics(line: bytes) -> tuple[str, ...]:
    try:
        named = msgspec.json.decode(line, type=_Head).metrics
    except msgspec.MsgspecError:
        raw = json.loads(line)  # NaN is no JSON, but Python writes it
        named = raw.get("metrics", []) if isinstance(raw, dict) else []
    return tuple(name for name in named if isinstance(name, str) and name not in _RESERVED)


def _record(decoder: msgspec.json.Decoder[Any], line: bytes, metrics: Sequence[str]) -> Any:
    if not any(_ODD.search(name) for name in metrics):
        with contextlib.suppress(msgspec.DecodeError):
            return decoder.decode(line)
    raw = json.loads(line)  # slower, but it takes NaN and every name
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as for any other line that is no sample
    odd = {f"m{i}": raw.get(name) for i, name in enumerate(metrics) if _ODD.search(name)}
    return msgspec.convert({**raw, **odd}, _line_type(tuple(metrics)))


def _is_score(value: object) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, bool | int | float) for item in value)
    return isinstance(value, bool | int | float)
