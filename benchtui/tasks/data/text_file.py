"""Text of a data file: its encoding is recognised from every byte of it, its lines end at "\\n" and nowhere else."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from benchtui.errors import UsageError
from benchtui.files import open_regular_file
from benchtui.text import one_line

LONGEST_LINE = 16 * 1024 * 1024
"""Characters; no line, row or value of a text file is read beyond them, so that memory has a bound."""
_CHUNK = 1024 * 1024
_UTF_32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 (little-endian)"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 (big-endian)"),
)
_NOT_IN_1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
"""Bytes that Windows-1252 leaves undefined and Latin-1 has."""


@dataclass(frozen=True)
class TextFile:
    """A text file whose encoding is known. `codec` is Python's name of it, `encoding` the name for people; the text
    begins after `mark` bytes. `sha256` (hex) is of all its bytes. `guessed` says that the encoding is one that fits any
    bytes: the text must be looked at."""

    path: Path
    codec: str
    encoding: str
    mark: int
    sha256: str
    guessed: bool


def open_text(path: Path) -> TextFile:
    """Read the whole file once: recognise its encoding and compute its digest.

    A byte order mark decides; else UTF-8 if all of it is valid; else Windows-1252, or Latin-1 where a byte is none of
    Windows-1252. Raises UsageError: the file cannot be read, holds NUL characters, is UTF-32, or is UTF-8 with some
    damaged characters, which no other encoding would read rightly.
    """
    with opened(path) as file:
        head = file.read(4)
        if head in _UTF_32:
            raise UsageError(f"{named(path)} is UTF-32 text, which is not read.", "Save it as UTF-8.")
        mark, codec, encoding = next(
            ((len(mark), codec, words) for mark, codec, words in _BYTE_ORDER_MARKS if head.startswith(mark)),
            (0, "utf-8", "UTF-8"),
        )
        file.seek(0)
        sha256, valid, odd = _survey(path, file, codec, mark)
    if valid:
        return TextFile(path, codec, encoding, mark, sha256, guessed=False)
    if mark:
        where = _damaged_line(path, codec, mark)
        raise UsageError(f"{named(path)}, line {where}: not valid {encoding}.", "Save the file as UTF-8.")
    _refuse_damaged_utf8(path)
    codec, encoding = ("latin-1", "Latin-1") if odd else ("cp1252", "Windows-1252")
    return TextFile(path, codec, encoding, 0, sha256, guessed=True)


def _survey(path: Path, file: BinaryIO, codec: str, mark: int) -> tuple[str, bool, bool]:
    """Return digest, whether all bytes are valid in `codec`, and whether a byte is none of Windows-1252."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(codec)()
    valid, odd = True, False
    digest.update(file.read(mark))
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        text = ""
        if valid:
            try:
                text = decoder.decode(chunk)
            except UnicodeDecodeError:
                valid = False
        if "\0" in text or (b"\0" in chunk and not codec.startswith("utf-16")):
            raise _has_nul(path)
        odd = odd or (not valid and any(byte in chunk for byte in _NOT_IN_1252))
    if valid:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            valid = False
    return digest.hexdigest(), valid, odd


def _has_nul(path: Path) -> UsageError:
    return UsageError(
        f"{named(path)} holds NUL characters: it is no text, or UTF-16 without a byte order mark.",
        "Save it as UTF-8 text.",
    )


def _refuse_damaged_utf8(path: Path) -> None:
    """Raises UsageError where more characters outside ASCII are valid UTF-8 than not: of a file in another encoding
    hardly any are."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    good = bad = 0
    with opened(path) as file:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            wrong = text.count("\ufffd")
            bad += wrong
            good += len(text) - wrong - len(text.encode("ascii", "ignore"))
    if good > bad:
        line = _damaged_line(path, "utf-8", 0)
        raise UsageError(
            f"{named(path)}, line {line}: a character is not valid UTF-8, though {good:,} others are.",
            "Correct that line, or save the file as UTF-8.",
        )


def _damaged_line(path: Path, codec: str, mark: int) -> int:
    """Return the number of the line with the first bytes that are not valid in `codec`."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    line = 1
    with opened(path) as file:
        file.seek(mark)
        while chunk := file.read(_CHUNK):
            before, found, _ = decoder.decode(chunk).partition("\ufffd")
            line += before.count("\n")
            if found:
                break
    return line


def pieces(text: TextFile) -> Iterator[str]:
    """Yield the text of the file in pieces of about a million characters, without the byte order mark.

    Raises UsageError after the last piece when the bytes were not those that `open_text` read: the file has changed.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(text.codec)()
    with opened(text.path) as file:
        digest.update(file.read(text.mark))
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            try:
                piece = decoder.decode(chunk)
            except UnicodeDecodeError:
                raise changed(text.path) from None
            yield piece
    if digest.hexdigest() != text.sha256:
        raise changed(text.path)


def lines(text: TextFile) -> Iterator[tuple[int, str]]:
    """Yield every line with its number, from 1, without its "\\n"; a "\\r" before that is still there.

    What follows the last "\\n" is a line unless it is empty. Raises UsageError for a line above LONGEST_LINE.
    """
    number, rest = 0, ""
    for piece in pieces(text):
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            number += 1
            yield number, line
        if len(rest) > LONGEST_LINE:
            raise too_long(text.path, f"line {number + 1}")
    if rest:
        yield number + 1, rest


def opened(path: Path) -> BinaryIO:
    """Open a regular file. Raises UsageError in words."""
    try:
        return open_regular_file(path)
    except FileNotFoundError:
        raise UsageError(f"There is no file {named(path)}.", "Check its path.") from None
    except OSError as error:
        if path.is_dir():
            raise UsageError(f"{named(path)} is a folder.", "Name one file in it.") from None
        raise UsageError(f"{named(path)} cannot be read: {error.strerror or error}.", "Name a regular file.") from None


def named(path: Path) -> str:
    """Return the path as it may be shown."""
    return one_line(str(path), 300)


def changed(path: Path) -> UsageError:
    """Return what to tell a user whose file was written to between two readings."""
    return UsageError(f"{named(path)} has changed while it was read.", "Start again when it is complete.")


def too_long(path: Path, place: str) -> UsageError:
    """Return what to tell a user whose row would fill the memory."""
    limit = LONGEST_LINE // 1024 // 1024
    return UsageError(
        f"{named(path)}, {place}: longer than {limit} million characters.",
        "Shorten it; a row is a line of JSONL, an object of a JSON list, or a line of CSV.",
    )


def counted(count: int, noun: str) -> str:
    """Return `1 row`, `1,200 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def twice(names: Iterable[str]) -> str | None:
    """Return the first name that has occurred before, None where each occurs once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
