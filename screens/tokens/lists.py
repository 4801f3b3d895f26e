"""Lists of places in texts: replacements, tokens that were learnt or forgotten, where the models are furthest apart."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.reports.tokens.context import context
from benchtui.reports.wording.tokens import number, quoted
from benchtui.results.tokens import TokensResults
from benchtui.text import one_line
from benchtui.tokens.summary import FlippedDocument, Parting, Place
from benchtui.tokens.vocabulary import shown_token


@dataclass(frozen=True)
class PlaceRow:
    """A line of a list: what it is, how often, a number, and the text around the first of its places."""

    what: str
    times: str
    value: str
    before: str
    token: str
    after: str
    places: tuple[Place, ...]


def replacement_rows(found: TokensResults, parting: Parting) -> list[PlaceRow]:
    """The most frequent replacements, with the JS of all their places together."""
    return [
        _row(
            found, parting, f"{quoted(one.first)} → {quoted(one.second)}", f"{one.count:,}", number(one.js), one.places
        )
        for one in parting.replacements
    ]


def change_rows(found: TokensResults, parting: Parting) -> list[PlaceRow]:
    """The tokens that were learnt (▲) or forgotten (▼), those with the greatest change of ln p in all first."""
    changes = sorted((*parting.learnt, *parting.forgotten), key=lambda one: -abs(one.total))
    return [
        _row(
            found,
            parting,
            f"{'▲' if one.total > 0 else '▼'} {quoted(one.token)}",
            f"{one.count:,}",
            number(one.total, signed=True),
            one.places,
        )
        for one in changes
    ]


def far_rows(found: TokensResults, parting: Parting) -> list[PlaceRow]:
    """Where the models are furthest apart, then the silent errors, with what both would have written and the JS."""
    return [
        _row(found, parting, _both_tops(found, parting, place), kind, number(_js(found, parting, place)), (place,))
        for kind, places in (("", parting.furthest), ("silent", parting.silent))
        for place in places
        if _known(found, parting, place)
    ]


def _both_tops(found: TokensResults, parting: Parting, place: Place) -> str:
    tops = []
    for model in (parting.first, parting.second):
        token = int(found.store.scores(model, place.document).top_ids[place.position, 0])
        tops.append(quoted(found.store.vocabulary(model).text(token)))
    return " → ".join(tops)


def _js(found: TokensResults, parting: Parting, place: Place) -> float:
    return float(found.store.pair(parting.first, parting.second, place.document).js[place.position])


def _known(found: TokensResults, parting: Parting, place: Place) -> bool:
    """Whether the store has a place: a summary may come from anybody."""
    tokens = found.store.texts(parting.second).tokens
    return 0 <= place.document < len(tokens) and 0 <= place.position < len(tokens[place.document].scored)


def _row(
    found: TokensResults, parting: Parting, what: str, times: str, value: str, places: tuple[Place, ...]
) -> PlaceRow:
    texts = found.store.texts(parting.second)
    known = tuple(place for place in places if _known(found, parting, place))
    around = tuple(shown_token(part, None) for part in context(texts, known[0])) if known else ("", "", "")
    return PlaceRow(what, times, value, around[0][-30:], around[1] or "", around[2][:30], known)


@dataclass(frozen=True)
class FlipRow:
    """A document that changed side."""

    flipped: FlippedDocument
    place: str
    written_by: str
    js: str
    parts_at: str
    text: str


def flip_rows(found: TokensResults) -> list[FlipRow]:
    """The documents that changed side, in the order of the texts."""
    flips = found.summary.flips
    if flips is None:
        return []
    documents = found.store.texts(flips.second).documents
    rows = []
    for one in flips.flipped:
        if 0 <= one.document < len(documents):
            about = documents[one.document]
            at = f"{one.parts_at + 1:,}" if one.parts_at is not None else "nowhere"
            text = one_line(about.answer, 200)
            rows.append(
                FlipRow(one, one_line(about.place, 60), one_line(about.written_by, 40), number(one.js_before), at, text)
            )
    return rows
