"""Rows of CSV and its relatives: every cell is the text that stands in the file, quotes by RFC 4180."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchtui.errors import UsageError
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.text_file import LONGEST_LINE, TextFile, counted, lines, named, twice
from benchtui.text import one_line

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
_USUAL = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
MOST_COLUMNS = 10_000
_HEAD_LINES, _HEAD_CHARACTERS = 400, 1024 * 1024
_SEPARATOR = re.compile(r"sep=([,;|\t])\r?")
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class Layout:
    """How records are split: by `delimiter` (where there is one column only, the usual one) into so many `columns` in
    the header. `consistent`: all records at the file's beginning have as many values. `others` are delimiters of which
    that is true as well."""

    delimiter: str
    columns: int
    consistent: bool
    others: tuple[str, ...] = ()


class BadCsvError(ValueError):
    """A record that is not read; `line` is where, the message says why."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def layout(text: TextFile) -> Layout:
    """Recognise the delimiter from the beginning of the file.

    The one that Excel's line `sep=;` names. Else one that is in the header and gives all records as many values as it;
    of several the one that the file's name means, else that of the most columns. Where none is consistent, one that is
    in the header.
    """
    head, whole = _head(text)
    if head and (said := _SEPARATOR.fullmatch(head[0][1])):
        return _tried(head[1:], said[1], whole)
    usual = _USUAL.get(text.path.suffix.lower())
    found = [_tried(head, delimiter, whole) for delimiter in DELIMITERS]
    found = [tried for tried in found if tried.columns > 1]
    if not found:
        return Layout(usual or ",", 1, _tried(head, usual or ",", whole).consistent)
    best = max(found, key=lambda tried: (tried.consistent, tried.delimiter == usual, tried.columns))
    fitting = [tried.delimiter for tried in found if tried.consistent and tried != best]
    return replace(best, others=tuple(fitting) if best.consistent else ())


def csv_rows(text: TextFile, delimiter: str, said: list[str]) -> Iterator[Row]:
    """Yield a row of each record after the header. `said` gets a sentence about empty ones when all has been read.

    A first column without a name, as pandas writes its row numbers, is called `column 1`. Raises UsageError with the
    line: no usable header, one that comes again, a record with more or fewer values than it, a quote that is never
    closed.
    """
    empty = number = 0
    header: list[str] = []
    try:
        for line, cells in records(_lines(text), delimiter):
            if not any(cells) or (len(cells) == 1 and not cells[0].strip()):
                empty += 1
                continue
            if not header:
                header = _header(text, line, cells)
                continue
            number += 1
            if len(cells) != len(header):
                raise _miscounted(text, line, number, cells, header)
            if len(cells) > 1 and cells[-1].strip() == header[-1] and _names(cells) == header:
                raise UsageError(f"{named(text.path)}, line {line}: the header comes again.", "Take the line out.")
            yield Row(number, line, dict(zip(header, cells, strict=True)))
    except BadCsvError as error:
        raise UsageError(f"{named(text.path)}, line {error.line}: {error}.", "Correct it there.") from None
    if empty:
        said.append(f"{counted(empty, 'empty row')} left out.")


def records(numbered: Iterator[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each record with the line where it begins; of an empty line one empty cell.

    Raises BadCsvError for a quote that is never closed, that text follows, or that spaces stand before.
    """
    for number, line in numbered:
        if '"' in line:
            yield number, _Cursor(number, line, numbered).cells(delimiter)
        else:
            yield number, line.removesuffix("\r").split(delimiter)


class _Cursor:
    """A place in a record with quotes, which may take lines of those `following`."""

    def __init__(self, number: int, line: str, following: Iterator[tuple[int, str]]) -> None:
        self._number, self._line, self._following = number, line, following
        self._at = self._size = 0

    def cells(self, delimiter: str) -> list[str]:
        found = []
        while True:
            found.append(self._in_quotes(delimiter) if self._line.startswith('"', self._at) else self._plain(delimiter))
            if self._at_end():
                return found
            if len(found) > MOST_COLUMNS:
                raise BadCsvError(self._number, f"more than {MOST_COLUMNS:,} values")
            self._at += 1

    def _at_end(self) -> bool:
        left = len(self._line) - self._at
        return left <= 0 or (left == 1 and self._line.endswith("\r"))

    def _plain(self, delimiter: str) -> str:
        end = self._line.find(delimiter, self._at)
        cell = self._line[self._at : end] if end >= 0 else self._line[self._at :].removesuffix("\r")
        if cell.startswith(" ") and cell.lstrip(" ").startswith('"'):
            raise BadCsvError(self._number, "a space stands before a quote, which has to begin its value")
        self._at = end if end >= 0 else len(self._line)
        return cell

    def _in_quotes(self, delimiter: str) -> str:
        opened, parts = self._number, []
        self._at += 1
        while True:
            end = self._line.find('"', self._at)
            if end < 0:
                parts += [self._line[self._at :], "\n"]
                self._next_line(opened)
            elif self._line.startswith('"', end + 1):
                parts.append(self._line[self._at : end + 1])
                self._at = end + 2
            else:
                parts.append(self._line[self._at : end])
                self._at = end + 1
                self._check_end(opened, delimiter)
                return "".join(parts)

    def _check_end(self, opened: int, delimiter: str) -> None:
        if not self._at_end() and not self._line.startswith(delimiter, self._at):
            raise BadCsvError(self._number, f"text follows a closing quote; the quote was opened in line {opened}")

    def _next_line(self, opened: int) -> None:
        self._size += len(self._line) + 1
        number, line = next(self._following, (0, ""))
        if not number or self._size > LONGEST_LINE:
            raise BadCsvError(opened, "a quote is opened here and never closed")
        self._number, self._line, self._at = number, line, 0


def _lines(text: TextFile) -> Iterator[tuple[int, str]]:
    """Yield the lines of the file without Excel's `sep=;`."""
    return (numbered for numbered in lines(text) if numbered[0] > 1 or not _SEPARATOR.fullmatch(numbered[1]))


def _head(text: TextFile) -> tuple[list[tuple[int, str]], bool]:
    """Return the first lines, and whether they are all."""
    head, size = [], 0
    for number, line in lines(text):
        head.append((number, line))
        size += len(line)
        if len(head) >= _HEAD_LINES or size >= _HEAD_CHARACTERS:
            return head, False
    return head, True


def _tried(head: list[tuple[int, str]], delimiter: str, whole: bool) -> Layout:
    """Return what the head looks like with this delimiter."""
    counts: list[int] = []
    sound = True
    try:
        counts.extend(len(cells) for _, cells in records(iter(head), delimiter) if any(cells))
    except BadCsvError:
        sound = not whole and bool(counts)  # the last record may end beyond the head
    columns = counts[0] if counts else 1
    return Layout(delimiter, columns, sound and len(set(counts)) == 1)


def _names(cells: list[str]) -> list[str]:
    names = [cell.strip().removeprefix("\ufeff") for cell in cells]
    return ["column 1", *names[1:]] if len(names) > 1 and not names[0] else names


def _header(text: TextFile, line: int, cells: list[str]) -> list[str]:
    """Return the names of the columns. Raises UsageError where they cannot be names."""
    names = _names(cells)
    what = ""
    if len(names) > MOST_COLUMNS:
        what = f"{len(names):,} columns, more than {MOST_COLUMNS:,}"
    elif "" in names:
        what = f"column {names.index('') + 1} has no name" + (
            "" if names[-1] else " (a delimiter too many at the end?)"
        )
    elif (again := twice(names)) is not None:
        what = f'two columns have the name "{one_line(again, 60)}"'
    elif all(_NUMBER.fullmatch(name) for name in names):
        what = "all values of the first line are numbers, so it is no header"
    if what:
        raise UsageError(f"{named(text.path)}, line {line}: {what}.", "Name every column in the first line.")
    return names


def _miscounted(text: TextFile, line: int, number: int, cells: list[str], header: list[str]) -> UsageError:
    more = "; put values with the delimiter inside in double quotes" if len(cells) > len(header) else ""
    return UsageError(
        f"{named(text.path)}, line {line}: row {number} has {counted(len(cells), 'value')}, "
        f"the header {counted(len(header), 'name')}.",
        f"Correct that line{more}.",
    )
