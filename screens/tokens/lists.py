"""Lists of places in texts: replacements, tokens that were learnt or forgotten, where the models are furthest apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """The tokens that were learnt, then those that were forgotten, with the change of ln p of all their places."""
    rows = []
    for sign, changes in (("▲", parting.learnt), ("▼", parting.forgotten)):
        for one in changes:
            total = number(one.total, signed=True)
            rows.append(_row(found, parting, f"{sign} {quoted(one.token)}", f"{one.count:,}", total, one.places))
    return rows


def far_rows(found: TokensResults, parting: Parting) -> list[PlaceRow]:
    """Where the models are furthest apart, then the silent errors, each with its JS."""
    return list(_far(found, parting))


def _far(found: TokensResults, parting: Parting) -> Iterator[PlaceRow]:
    for name, places in (("furthest", parting.furthest), ("silent error", parting.silent)):
        for place in places:
            js = found.store.pair(parting.first, parting.second, place.document).js
            if 0 <= place.position < len(js):
                yield _row(found, parting, name, "", number(float(js[place.position])), (place,))


def _row(
    found: TokensResults, parting: Parting, what: str, times: str, value: str, places: tuple[Place, ...]
) -> PlaceRow:
    texts = found.store.texts(parting.second)
    known = tuple(place for place in places if 0 <= place.document < len(texts.documents))
    try:
        around = tuple(shown_token(part, None) for part in context(texts, known[0])) if known else ("", "", "")
    except IndexError:  # a summary that belongs to other texts
        known, around = (), ("", "", "")
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


def places_of(rows: Sequence[PlaceRow]) -> Iterator[Place]:
    """The first place of each row."""
    return (row.places[0] for row in rows if row.places)
