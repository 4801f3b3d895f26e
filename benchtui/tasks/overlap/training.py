"""Reads training data of any size and looks for a benchmark's documents in it, a million characters at a time.

What is searched is text: of a row of JSONL, JSON, CSV, Parquet or Arrow all texts and numbers in its cells, also in
lists and objects, in the order of the file, one after the other, so that a run of words may go from the question into
the answer; not the names of columns, not true and false, not who speaks in a chat. A plain text file is one text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchtui.tasks.data.rows import Bare, Row
from benchtui.tasks.data.text_file import open_text, pieces
from benchtui.tasks.overlap.index import RUN, Index, Place
from benchtui.tasks.overlap.words import Array, tail, words_of

AT_ONCE = 1_000_000
"""Characters that are searched at once; a longer text is searched in parts."""

PLAIN = (".txt", ".text", ".md")
"""Names of files without rows."""

_SPEAKERS = {"role": "content", "from": "value"}
"""The name of who speaks, in a message of a chat, and the name of what is said."""
_NEWLINE = 10

Tell = Callable[[int], None]
"""Called with the number of characters that were searched since it was called last."""


def search_file(
    index: Index, path: Path, tell: Tell = lambda _: None, *, name: str = "", at_once: int = AT_ONCE
) -> None:
    """Look for the index's documents in a file, which places call `name`. Raises UsageError for a file that cannot be
    read, naming the line."""
    if path.suffix.lower() in PLAIN:
        _search_plain(index, path, name or str(path), tell, at_once)
        return
    from benchtui.tasks.data.read import open_data, read_rows

    search_rows(index, name or str(path), read_rows(open_data(path)), tell, at_once=at_once)


def search_rows(index: Index, file: str, rows: Iterator[Row], tell: Tell, *, at_once: int = AT_ONCE) -> None:
    """Look for the index's documents in rows; `file` is what they are from."""
    texts, places, size = list[str](), list[Place](), 0

    def search() -> None:
        index.look_through(words_of(texts), lambda text, _: places[text])
        tell(size)

    for row in rows:
        text, place = row_text(row), Place(file, row.place)
        if len(text) > at_once:
            _search_long(index, text, place, tell, at_once)
            continue
        texts.append(text)
        places.append(place)
        size += len(text)
        if size >= at_once:
            search()
            texts, places, size = [], [], 0
    search()


def row_text(row: Row) -> str:
    """Return what is searched of a row."""
    return " ".join(_texts(row.cells))


def _texts(cell: object) -> Iterator[str]:
    if isinstance(cell, str):
        if not (isinstance(cell, Bare) and cell in ("true", "false")):
            yield cell
    elif isinstance(cell, Mapping):
        for name, inner in cell.items():
            if _SPEAKERS.get(name) not in cell:
                yield from _texts(inner)
    elif isinstance(cell, list):
        for inner in cell:
            yield from _texts(inner)


def _search_long(index: Index, text: str, place: Place, tell: Tell, at_once: int) -> None:
    before = None
    start = 0
    while start < len(text):
        end = _cut(text, start, start + at_once)
        before = _search_part(index, text[start:end], before, lambda _: place)
        tell(end - start)
        start = end


def _cut(text: str, start: int, end: int) -> int:
    """Return where the part of `text` that begins at `start` ends: behind the last white space before `end`, where a
    word never goes on; without any, behind the next."""
    if end >= len(text):
        return len(text)
    last = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
    if last >= start:
        return last + 1
    later = [at for at in (text.find(" ", end), text.find("\n", end)) if at >= 0]
    return min(later) + 1 if later else len(text)


def _search_plain(index: Index, path: Path, name: str, tell: Tell, at_once: int) -> None:
    """Search a text file, whose parts overlap by the words of a run less one."""
    line, waiting = 1, ""
    before: Array | None = None

    def search(part: str) -> None:
        nonlocal line, before
        known = 0 if before is None else int((before == _NEWLINE).sum())
        first = line - known
        before = _search_part(index, part, before, lambda newlines: Place(name, f"line {first + newlines}"))
        line += part.count("\n")
        tell(len(part))

    for piece in pieces(open_text(path)):
        waiting += piece
        start = 0
        while len(waiting) - start > at_once:
            end = _cut(waiting, start, start + at_once)
            if end == len(waiting):  # its last word may be longer
                break
            search(waiting[start:end])
            start = end
        waiting = waiting[start:]
    search(waiting)


def _search_part(index: Index, part: str, before: Array | None, place: Callable[[int], Place]) -> Array:
    """Search a part of one text, of which `before` are the last characters seen; return those for the next part.
    `place` gets how many line ends are before the word among these characters."""
    words = words_of([part], before)
    index.look_through(words, lambda _, at: place(int((words.characters[:at] == _NEWLINE).sum())))
    return tail(words, RUN - 1)
