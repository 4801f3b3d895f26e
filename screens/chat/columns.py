"""Which models stand side by side, and how wide each column is."""

from __future__ import annotations

from dataclasses import dataclass

LEAST = 36
"""Cells of a column at least: narrower text does not read well, and fewer models are shown at a time."""
GUTTER = 2
"""Cells before the text of a column, for the cursor."""


@dataclass(frozen=True)
class Columns:
    """Columns of `models` models in `width` cells, those around the model `at` where not all have room."""

    models: int
    width: int
    at: int = 0

    @property
    def count(self) -> int:
        """How many are shown at a time."""
        return max(1, min(self.models, (self.width + 1) // (LEAST + 1)))

    @property
    def shown(self) -> range:
        """The numbers of the models that are shown: the window moves by as many as have room."""
        first = min(self.at // self.count * self.count, max(self.models - self.count, 0))
        return range(first, min(first + self.count, self.models))

    @property
    def cells(self) -> list[int]:
        """Cells of each shown column, a line between two of them left out; what is left over goes to the last."""
        count = len(self.shown)
        each = max((self.width - (count - 1)) // count, GUTTER + 2)
        return [each] * (count - 1) + [max(self.width - (count - 1) - each * (count - 1), GUTTER + 2)]

    @property
    def text_widths(self) -> list[int]:
        """Cells for text in each."""
        return [cells - GUTTER - 1 for cells in self.cells]

    def column_at(self, x: int) -> int:
        """The place of the shown column at a cell."""
        edge = 0
        for place, cells in enumerate(self.cells):
            edge += cells + 1
            if x < edge:
                return place
        return len(self.cells) - 1
