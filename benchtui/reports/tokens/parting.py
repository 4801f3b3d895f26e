"""Shows where two models part: classes of tokens, replacements in their context, what was learnt and forgotten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchtui.reports.tokens.cells import stacked, table, texts
from benchtui.reports.tokens.context import context
from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.tokens import Unit, number, quoted
from benchtui.text import one_line
from benchtui.tokens.vocabulary import shown_token

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from benchtui.tokens.store import DistributionStore
    from benchtui.tokens.summary import ClassStatistics, Parting, Place, Replacement, TokenChange

LISTED = 10
"""Lines of a table."""


def parting_view(parting: Parting, store: DistributionStore, unit: Unit, glyphs: Glyphs) -> Iterator[RenderableType]:
    """Yield the tables; those without a line are left out."""
    from rich.text import Text

    if parting.classes:
        yield Text("")
        yield classes_table(parting.classes, unit, glyphs)
    if parting.replacements:
        yield Text("")
        yield replacements_table(parting.replacements[:LISTED], store, parting.first, unit, glyphs)
    for title, changes in (("Learnt", parting.learnt), ("Forgotten", parting.forgotten)):
        if changes:
            yield Text("")
            yield changes_table(title, changes[:LISTED], store, parting.first, unit, glyphs)
    if parting.furthest:
        yield Text("")
        yield furthest_table(parting, store, unit, glyphs)
    if parting.silent:
        share = score_words(parting.silent_share, is_share=True, digits=1)
        yield Text(
            f"At {share} of the tokens the first model is sure (entropy in its lowest fifth) and the second differs "
            "(KL in its highest twentieth): silent errors of one of them."
        )


def classes_table(classes: Sequence[ClassStatistics], unit: Unit, glyphs: Glyphs) -> Table:
    """Return a table with a line a class of tokens."""
    found = table("Where they part", "Tokens", "Same top", "JS", f"Δ {unit.logarithm} p", "Entropy")
    for each in classes:
        entropies = [
            number(None if value is None else unit.factor * value, glyphs)
            for value in (each.entropy_first.value, each.entropy_second.value)
        ]
        found.add_row(
            *texts(
                one_line(each.name, 60),
                f"{each.tokens:,}",
                stacked(each.same_top, glyphs, share=True),
                stacked(each.js, glyphs, factor=unit.factor),
                stacked(each.delta_logprob, glyphs, factor=unit.factor, signed=True),
                f" {glyphs.next_step} ".join(entropies),
            )
        )
    return found


def replacements_table(
    found: Sequence[Replacement], store: DistributionStore, model: int, unit: Unit, glyphs: Glyphs
) -> Table:
    """Return a table with a line a replacement, and one of its places."""
    lines = table(
        "Most frequent replacements", "Clearly", "Times", "Groups", "JS in all", "For example", left=("For example",)
    )
    for each in found:
        lines.add_row(
            *texts(
                f"{quoted(each.first, glyphs)} {glyphs.next_step} {quoted(each.second, glyphs)}",
                f"{each.clear:,}",
                f"{each.count:,}",
                f"{each.groups:,}",
                number(unit.factor * each.js, glyphs),
            ),
            _example(store, model, each.places),
        )
    return lines


def changes_table(
    title: str, changes: Sequence[TokenChange], store: DistributionStore, model: int, unit: Unit, glyphs: Glyphs
) -> Table:
    """Return a table with a line a token that was learnt or forgotten."""
    delta = f"Δ {unit.logarithm} p"
    found = table(title, "Times", f"{delta} in all", f"{delta} each", "For example", left=("For example",))
    for each in changes:
        total = unit.factor * each.total
        mean = total / each.count if each.count else None
        numbers = [number(value, glyphs, signed=True) for value in (total, mean)]
        found.add_row(
            *texts(quoted(each.token, glyphs), f"{each.count:,}", *numbers), _example(store, model, each.places)
        )
    return found


def furthest_table(parting: Parting, store: DistributionStore, unit: Unit, glyphs: Glyphs) -> Table:
    """Return a table with a line for each token of the greatest JS: both models' likeliest token there."""
    labels = [one_line(store.header.labels[n], 24) for n in (parting.first, parting.second)]
    found = table("Furthest apart", "JS", *labels, "There", left=(*labels, "There"))
    documents = store.texts(parting.first).documents
    for place in parting.furthest[:LISTED]:
        js = store.pair(parting.first, parting.second, place.document).js[place.position]
        tops = [_top(store, n, place, glyphs) for n in (parting.first, parting.second)]
        where = f"{one_line(documents[place.document].place, 40)}, token {place.position + 1}"
        found.add_row(
            *texts(where, number(unit.factor * float(js), glyphs), *tops), _example(store, parting.first, [place])
        )
    return found


def _top(store: DistributionStore, model: int, place: Place, glyphs: Glyphs) -> str:
    scores = store.scores(model, place.document)
    token = store.vocabulary(model).text(int(scores.top_ids[place.position, 0]))
    probability = math.exp(float(scores.top_logprobs[place.position, 0]))
    return f"{quoted(token, glyphs)} {score_words(probability, is_share=True, digits=0)}"


def _example(store: DistributionStore, model: int, places: Sequence[Place]) -> Text:
    """Return the text around the first of some places, the token itself in bold and between brackets; one that is no
    text, as the end, by its name."""
    from rich.text import Text

    if not places:
        return Text("")
    texts_, place = store.texts(model), places[0]
    before, token, after = context(texts_, place)
    token = token or store.vocabulary(model).text(int(texts_.tokens[place.document].scored[place.position]))
    before, token, after = (shown_token(part, None) for part in (before, token, after))
    return Text.assemble(before[-40:], ("[", "dim"), (token, "bold"), ("]", "dim"), after[:16])
