"""Everything that the page of a comparison shows for one pair, or one model; read in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType

from benchtui.results.tokens import TokensResults, read_tokens
from screens.tokens.lists import FlipRow, PlaceRow, change_rows, far_rows, flip_rows, replacement_rows
from screens.tokens.reading import ListedDocument, Sides, all_sides, list_documents
from screens.tokens.tables import classes_text, parting_of


@dataclass(frozen=True)
class Loaded:
    """`lists` by the name of their tab."""

    found: TokensResults
    sides: Sides
    classes: RenderableType
    lists: dict[str, list[PlaceRow]]
    flips: list[FlipRow]
    documents: Sequence[ListedDocument]


def load_comparison(run: Path, known: TokensResults | None, sides: Sides | None) -> Loaded:
    """Read a comparison, or what is `known` of it, for a pair or model, the first one where none is named. Raises
    BenchtuiError where it has not finished, or cannot be read."""
    found = known or read_tokens(run)
    sides = sides or all_sides(found)[0]
    parting = parting_of(found, sides)
    lists = {
        "replacements": replacement_rows(found, parting) if parting else [],
        "learnt": change_rows(found, parting) if parting else [],
        "furthest": far_rows(found, parting) if parting else [],
    }
    return Loaded(
        found,
        sides,
        classes_text(parting),
        lists,
        flip_rows(found),
        list_documents(found, sides),
    )
