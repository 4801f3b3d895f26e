"""What a cell says: one text, several accepted texts, or choices with their labels. Every error names the row."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.templates import Column, Field, Template, quoted
from benchtui.tasks.data.rows import Cell, Row
from benchtui.text import one_line

_LONGEST_LIST = 1_000_000
"""Characters of a list that stands as text in one cell."""
_CORRECT = "Correct the row, or leave it out of the file."


@dataclass(frozen=True)
class Choices:
    """The choices of one row; `labels` are empty where they carry none."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()

    @property
    def letters(self) -> tuple[str, ...]:
        """Return what a choice is called: its label, else A, B, C …, and beyond 26 choices 1, 2, 3 …"""
        if self.labels:
            return self.labels
        numbers = range(len(self.texts))
        return tuple(chr(ord("A") + n) if len(numbers) <= 26 else str(n + 1) for n in numbers)


NO_CHOICES = Choices(())


def text_of(field: Field, row: Row, what: str) -> str:
    """Return the text of a field, which is not empty. Raises UsageError naming the row."""
    cell = field.of(row)
    if isinstance(cell, list | dict):
        kind = "a list" if isinstance(cell, list) else "an object"
        raise UsageError(
            f"{row.place}: the {what} in {field} is {kind}, not a text.",
            "Say with Jinja how it is written, as in {{turns|join('\\n')}}.",
        )
    if cell is None or not cell.strip():
        raise UsageError(f"{row.place}: the {what} in {field} is empty.", _CORRECT)
    return str(cell)


def optional_text(column: Column | None, row: Row, what: str) -> str:
    """Return the text of a column, "" where the row has none."""
    if column is None or row.cells.get(column.name) in (None, ""):
        return ""
    return text_of(column, row, what)


def texts_of(field: Field, row: Row, what: str) -> tuple[str, ...]:
    """Return the accepted answers: those of a list (or of SQuAD's {"text": [...]}), or the one that a text is."""
    cell = None if isinstance(field, Template) else field.of(row)
    if isinstance(cell, dict) and isinstance(cell.get("text"), list):
        cell = _list(cell["text"])
    if not isinstance(cell, list):
        return (text_of(field, row, what),)
    if not cell:
        raise UsageError(f"{row.place}: the {what} in {field} is an empty list.", _CORRECT)
    return tuple(dict.fromkeys(_text(one, row, what) for one in cell))


def choices_of(source: Field | tuple[Column, ...], row: Row) -> Choices:
    """Return the choices of a row. Raises UsageError naming a row with fewer than two, an empty one, or one twice."""
    found = _of_columns(source, row) if isinstance(source, tuple) else _of_cell(source, row)
    if len(found.texts) < 2:
        raise UsageError(f"{row.place}: it has {len(found.texts)} choices, and needs two or more.", _CORRECT)
    for number, text in enumerate(found.texts, 1):
        if not text.strip():
            raise UsageError(f"{row.place}: choice {number} of {len(found.texts)} is empty.", _CORRECT)
        if text in found.texts[: number - 1]:
            raise UsageError(f"{row.place}: the choice {quoted(text)} is there twice.", _CORRECT)
    if len(set(found.labels)) < len(found.labels):
        raise UsageError(f"{row.place}: two choices have the same label.", _CORRECT)
    return found


def check_whole(text: str, row: Row) -> None:
    """Raise UsageError naming the row where half a character stands in `text`, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{row.place} holds half a character (a surrogate, as \\ud83d alone).", _CORRECT) from None


def _of_columns(columns: tuple[Column, ...], row: Row) -> Choices:
    """Return a choice a column; empty ones at the end are questions with fewer choices."""
    cells = [row.cells.get(column.name) for column in columns]
    while cells and cells[-1] in (None, ""):
        cells.pop()
    texts = tuple("" if cell is None else _text(cell, row, "choice") for cell in cells)
    names = tuple(column.name for column in columns)
    letters = all(re.fullmatch("[A-Za-z]", name) for name in names)
    if letters and "".join(names).upper() != ascii_uppercase[: len(names)]:
        return Choices(texts, names[: len(texts)])  # B,C,D or D,C,B,A: the right answer B is what column B holds
    return Choices(texts)


def _of_cell(source: Field, row: Row) -> Choices:
    cell = source.values(row) if isinstance(source, Template) else source.of(row)
    if isinstance(cell, str):
        cell = _parsed(cell)
    if isinstance(cell, list) and (objects := [one for one in cell if isinstance(one, dict)]) and objects == cell:
        return _labelled([one.get("text") for one in objects], [one.get("label") for one in objects], row)
    if isinstance(cell, list):
        return Choices(tuple(_text(one, row, "choice") for one in cell))
    if isinstance(cell, dict) and isinstance(cell.get("text"), list):
        return _labelled(_list(cell["text"]), _list(cell.get("label")), row)
    if isinstance(cell, dict):
        kept = {label: text for label, text in cell.items() if text is not None}
        return _labelled(list(kept.values()), list(kept), row)
    raise UsageError(
        f"{row.place}: the choices in {source} are no list.",
        "Give the columns of the choices, as in --choices A,B,C,D, or Jinja that gives a list: {{options.split(';')}}.",
    )


def _labelled(texts: list[object], labels: list[object], row: Row) -> Choices:
    named = tuple(_text(label, row, "label of a choice") for label in labels if label is not None)
    if named and len(named) != len(texts):
        raise UsageError(f"{row.place}: {len(texts)} choices have {len(named)} labels.", _CORRECT)
    return Choices(tuple(_text(text, row, "choice") for text in texts), named)


def _parsed(text: str) -> Cell:
    """Return the list or object that a cell of text holds, as JSON or as Python writes it; else the text."""
    start = text.lstrip()[:1]
    if start not in ("[", "{") or len(text) > _LONGEST_LIST:
        return text
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list | Mapping) and _is_texts(found):
            return found if isinstance(found, list) else dict(found)
    return text


def _is_texts(found: object) -> bool:
    """Return whether all that is in a parsed list is text: a number would have lost how it was written."""
    if isinstance(found, list):
        return all(_is_texts(one) for one in found)
    if isinstance(found, Mapping):
        return all(isinstance(name, str) and _is_texts(one) for name, one in found.items())
    return isinstance(found, str)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _text(value: object, row: Row, what: str) -> str:
    if not isinstance(value, str):
        said = "nothing" if value is None else one_line(type(value).__name__)
        raise UsageError(f"{row.place}: a {what} is {said}, not a text.", _CORRECT)
    if what != "choice" and not value.strip():
        raise UsageError(f"{row.place}: a {what} is empty.", _CORRECT)
    return str(value)
