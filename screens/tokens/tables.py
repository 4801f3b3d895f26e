"""The tables of a comparison by token, as the reports make them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from benchtui.reports.tokens.curves import curves
from benchtui.reports.tokens.parting import classes_table
from benchtui.reports.tokens.plot import curve_lines
from benchtui.reports.tokens.tables import (
    chosen_pair,
    flips_scope,
    models_table,
    pair_table,
    pairs_table,
    writers_table,
)
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.reports.wording.tokens import (
    NATS,
    flip_sentences,
    legend,
    notes,
    pair_words,
    shift_words,
    span_sentence,
)
from benchtui.results.tokens import TokensResults
from benchtui.text import one_line, printable
from benchtui.tokens.summary import Parting, TokensSummary
from screens.tokens.reading import Sides

WIDE = 100
"""Columns from which on an interval stands beside its mean."""
TABS = {
    "overview": "Overview",
    "classes": "Classes",
    "replacements": "Replacements",
    "learnt": "Learnt",
    "furthest": "Furthest",
    "flips": "Flips",
    "curves": "Curves",
    "documents": "Documents",
}


def title_of(found: TokensResults, sides: Sides) -> str:
    """The models that are looked at."""
    labels = found.store.header.labels
    if sides.compared:
        return pair_words(labels[sides.first], labels[sides.second])
    return one_line(labels[sides.second], 40)


def overview(found: TokensResults, sides: Sides, width: int) -> RenderableType:
    """What was compared, the tables of pairs, that of the models, and what has to be known beside them."""
    return Group(*_overview(found, sides, narrow=width < WIDE))


def _overview(found: TokensResults, sides: Sides, *, narrow: bool) -> Iterator[RenderableType]:
    summary, labels = found.summary, found.store.header.labels
    yield Text(printable(f"{one_line(summary.texts, 200)}: {summary.documents:,} documents."), style="bold")
    for note in notes(summary, found.store.models):
        yield Text(f"▲ {note}")
    yield Text("")
    if (pair := chosen_pair(summary, (sides.first, sides.second))) is not None:
        yield pair_table(pair, labels, NATS, UNICODE, narrow=narrow)
        yield Text(shift_words(pair))
        yield Text("")
    yield models_table(summary.models, NATS, UNICODE)
    if any(model.by_writer for model in summary.models):
        yield Text("")
        yield writers_table(summary.models, NATS, UNICODE)
    if len(summary.pairs) > 1:
        yield Text("")
        yield pairs_table(summary.pairs, labels, NATS, UNICODE)
    for each in summary.spans:
        yield Text("")
        yield Text(printable(span_sentence(each, labels)))
    yield Text("")
    yield Text(legend(), style="dim")


def parting_of(found: TokensResults, sides: Sides) -> Parting | None:
    """Where these two models part; None where that was not looked at."""
    ends = (sides.first, sides.second)
    return next((one for one in found.summary.partings if (one.first, one.second) == ends), None)


def classes_text(parting: Parting | None) -> RenderableType:
    """The table of classes of tokens."""
    if parting is None or not parting.classes:
        return Text("There is no table of classes for these models.")
    return classes_table(parting.classes, NATS, UNICODE)


def flips_text(found: TokensResults) -> RenderableType:
    """How many documents changed side, and what the models do in them, in words."""
    if found.summary.flips is None:
        return Text("These texts are not from a comparison of two runs: `benchtui tokens compare A B --flips`.")
    scope = flips_scope(found.store.texts(found.summary.flips.first))
    lines = list(flip_sentences(found.summary.flips, scope))
    return Group(Text(lines[0], style="bold"), *(Text(line) for line in lines[1:]))


def curves_text(summary: TokensSummary, width: int) -> RenderableType:
    """The numbers of all models as plots, in their order."""
    lines = [line for curve in curves(summary) for line in (*curve_lines(curve, width), Text(""))]
    return Group(*lines) if lines else Text("A curve needs three models or more, for example --checkpoints.")
