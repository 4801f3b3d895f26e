"""The lists of a comparison by token: their columns, and what stands in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from benchtui.reports.wording.tokens import number
from benchtui.text import one_line
from screens.themes import Colours
from screens.tokens.lists import FlipRow, PlaceRow
from screens.tokens.reading import ListedDocument
from screens.widgets.rows import Column, Rows

EMPTY = "Nothing of this was found."
ALONE = "Nothing was compared token by token in this run."
PLACES = {
    name: (
        Column(title, 22, grow=1),
        Column(times, 6, right=True),
        Column(value, 9, right=True),
        Column("Text", 24, grow=3),
    )
    for name, title, times, value in (
        ("replacements", "Likeliest token", "Times", "JS in all"),
        ("learnt", "▲ learnt ▼ forgotten", "Times", "Δ ln p"),
        ("furthest", "Likeliest token", "Error", "JS"),
    )
}
FLIPS = (
    Column("Change", 8),
    Column("Place", 12, grow=1),
    Column("Written by", 10, drop=2),
    Column("Parts at", 8, right=True),
    Column("JS before", 9, right=True),
    Column("Text", 12, grow=3, drop=1),
)


class PlaceRows(Rows):
    HELP = (
        "Each line is one place or several. Enter shows the first of them in its text; there . and , go to the others."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Read", tooltip="This place in its text")]


class DocumentRows(Rows):
    HELP = "The texts that were compared. Enter shows one, token by token."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Read", tooltip="This text, token by token")]


def document_columns(*, compared: bool) -> tuple[Column, ...]:
    """Those of the list of documents: of two models their JS, of one alone its entropy."""
    measure = "JS" if compared else "H"
    return (
        Column("", 1),
        Column("Place", 14, grow=1),
        Column("Written by", 10, drop=2),
        Column("Tokens", 6, right=True, drop=3),
        Column(f"{measure} mean", 8, right=True),
        Column(f"{measure} max", 8, right=True),
        Column("Text", 12, grow=3, drop=1),
    )


def place_cells(row: PlaceRow, colours: Colours) -> Sequence[Text]:
    """What, how often, a number, and the text around the first place with the token itself in colour."""
    around = Text.assemble((row.before, colours.muted), (row.token, f"bold {colours.accent}"))
    return Text(row.what), Text(row.times), Text(row.value), around.append(row.after, style=colours.muted)


def flip_cells(row: FlipRow, colours: Colours) -> Sequence[Text]:
    """A document that changed side."""
    fixed = row.flipped.change == "fixed"
    return (
        Text("▲ fixed" if fixed else "▼ broken", style=colours.gain if fixed else colours.loss),
        Text(row.place),
        Text(row.written_by, style=colours.muted),
        Text(row.parts_at),
        Text(row.js),
        Text(row.text, style=colours.muted),
    )


def document_cells(one: ListedDocument, colours: Colours) -> Sequence[Text]:
    """A text of the comparison."""
    sign, style = {"fixed": ("▲", colours.gain), "broken": ("▼", colours.loss)}.get(one.about.change, ("", ""))
    return (
        Text(sign, style=style),
        Text(one_line(one.about.place, 60)),
        Text(one_line(one.about.written_by, 40), style=colours.muted),
        Text(f"{one.tokens:,}", style=colours.muted),
        Text(number(one.js)),
        Text(number(one.largest)),
        Text(one_line(one.about.answer or one.about.prompt, 200), style=colours.muted),
    )
