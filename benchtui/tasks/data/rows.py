"""A row of people's data: what stands in the file, with the place where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class Bare(str):
    """A number, true or false as the characters that stand in the file: 007, 1.50, 1e5, true. Never computed with."""

    __slots__ = ()


Cell = str | Bare | None | list[object] | dict[str, object]
"""Text, a bare number or word, nothing (JSON's null, an empty cell of a Parquet file), or a nested list or object whose
leaves are cells again. An empty cell of a CSV file is the empty text."""


@dataclass(frozen=True)
class Row:
    """One row. `number` counts data rows from 1; `line` is the line of the file where it begins, from 1, None in files
    without lines (Parquet, Arrow, the Hub)."""

    number: int
    line: int | None
    cells: Mapping[str, Cell]

    @property
    def place(self) -> str:
        """Name the row for a message: `line 12` or, without lines, `row 12`."""
        return f"row {self.number}" if self.line is None else f"line {self.line}"
