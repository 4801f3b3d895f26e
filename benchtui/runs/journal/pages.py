"""Every row that is still somewhere in a damaged journal, read page by page past whatever leads to them is lost.

The tables have no rowid, so each of their rows is a record in an index page. Format: https://sqlite.org/fileformat.html,
sections 1.3 (header), 1.6 (pages and cells), 2.1 (records), 4.1 (write-ahead log).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

Value = int | float | str | bytes | None
Row = tuple[Value, ...]

PAGE = 4096
"""Bytes; what SQLite makes since 2016, and what is assumed where the header is lost."""
_MAGIC = b"SQLite format 3\0"
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LEAF, _INTERIOR = 0x0A, 0x02
_LARGEST_ROW = 1 << 26
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def rows_anywhere(path: Path) -> Iterator[Row]:
    """Rows of all tables, older versions of a row and rows that make no sense among them."""
    size = _page_size(path)
    pages = list(_pages_of_file(path, size))
    frames = list(_pages_of_log(path.with_name(path.name + "-wal"), size))
    newest = dict(pages) | dict(frames)
    for number, page in (*pages, *frames):
        start = 100 if number == 1 else 0
        if page[start] in (_LEAF, _INTERIOR):
            yield from _rows_of_page(page, start, newest)


def _page_size(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(18)
    found = int.from_bytes(header[16:18], "big")
    return found if header.startswith(_MAGIC) and found >= 512 and found & (found - 1) == 0 else PAGE


def _pages_of_file(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """(page number, from 1, and content)"""
    with path.open("rb") as file:
        number = 1
        while len(page := file.read(size)) == size:
            yield number, page
            number += 1


def _pages_of_log(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(_LOG_HEADER)
        while len(frame := file.read(_FRAME_HEADER + size)) == _FRAME_HEADER + size:
            yield int.from_bytes(frame[:4], "big"), frame[_FRAME_HEADER:]


def _rows_of_page(page: bytes, start: int, pages: dict[int, bytes]) -> Iterator[Row]:
    interior = page[start] == _INTERIOR
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    first = start + (12 if interior else 8)
    for at in range(first, min(first + 2 * cells, len(page) - 1), 2):
        offset = int.from_bytes(page[at : at + 2], "big") + (4 if interior else 0)
        try:
            yield _record(_payload(page, offset, pages))
        except (IndexError, KeyError, ValueError, struct.error):
            continue  # this cell is damaged, the next may not be


def _payload(page: bytes, offset: int, pages: dict[int, bytes]) -> bytes:
    """A cell's content, with what overflows into other pages. Raises IndexError, KeyError or ValueError if damaged."""
    length, offset = _varint(page, offset)
    if not 0 < length < _LARGEST_ROW:
        raise ValueError(length)
    usable = len(page)
    largest, smallest = (usable - 12) * 64 // 255 - 23, (usable - 12) * 32 // 255 - 23
    if length <= largest:
        return page[offset : offset + length]
    local = smallest + (length - smallest) % (usable - 4)
    local = local if local <= largest else smallest
    payload = bytearray(page[offset : offset + local])
    following = int.from_bytes(page[offset + local : offset + local + 4], "big")
    while len(payload) < length:
        overflow = pages[following]
        following = int.from_bytes(overflow[:4], "big")
        payload += overflow[4:]
    return bytes(payload[:length])


def _record(payload: bytes) -> Row:
    header, offset = _varint(payload, 0)
    kinds = []
    while offset < header:
        kind, offset = _varint(payload, offset)
        kinds.append(kind)
    values = []
    for kind in kinds:
        value, offset = _value(payload, offset, kind)
        values.append(value)
    if offset != len(payload):
        raise ValueError("a record of another length")
    return tuple(values)


def _value(payload: bytes, offset: int, kind: int) -> tuple[Value, int]:
    if kind >= 12:
        end = offset + (kind - 12) // 2
        raw = payload[offset:end]
        return (raw if kind % 2 == 0 else raw.decode("utf-8", "replace")), end
    if kind in _INTEGERS:
        end = offset + _INTEGERS[kind]
        return int.from_bytes(payload[offset:end], "big", signed=True), end
    if kind == 7:
        return struct.unpack_from(">d", payload, offset)[0], offset + 8
    return {0: None, 8: 0, 9: 1}[kind], offset


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    value = 0
    for count in range(8):
        byte = data[offset + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + count + 1
    return value << 8 | data[offset + 8], offset + 9
