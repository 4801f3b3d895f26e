"""Writes a comparison by token as one self-contained page: coloured texts, what both models would have written at each
token, tables and curves.

All foreign text is escaped. The page loads nothing; its policy allows its own script only, by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from benchtui.reports.readme.published import published
from benchtui.reports.style import html_page
from benchtui.reports.tokens.curves import curves
from benchtui.reports.tokens.page_data import PageDocument, chosen_documents, page_metrics, script_data
from benchtui.reports.tokens.page_parts import SCRIPT, STYLE
from benchtui.reports.tokens.plot import curve_svg
from benchtui.reports.tokens.tables import chosen_pair, tokens_view
from benchtui.reports.wording.tokens import NATS, Unit, number, pair_words
from benchtui.text import escaped_json, one_line, printable

if TYPE_CHECKING:
    from rich.table import Table

    from benchtui.tokens.store import DistributionStore
    from benchtui.tokens.summary import TokensSummary

HINT = "Point at a token, or press → and ←; n and p go to the next and the previous divergence."


def tokens_html(
    summary: TokensSummary, store: DistributionStore, *, pair: tuple[int, int] | None = None, unit: Unit = NATS
) -> str:
    """Return the page; browsers open it from disk. Raises BenchtuiError where the store cannot be read."""
    shown = chosen_pair(summary, pair)
    last = len(store.header.labels) - 1
    both = (shown.first, shown.second) if shown is not None else pair or (last, last)
    labels = store.header.labels
    title = _text(pair_words(labels[both[0]], labels[both[1]]) if both[0] != both[1] else labels[last])
    metric = page_metrics(both)[0]
    documents = list(chosen_documents(store, summary, both, metric))
    data = {**script_data(store, documents, both, unit), "hint": HINT}
    parts = [
        f"<h1>{title}: token by token</h1>",
        *_tables(summary, store, both, unit),
        *(f"<figure>{curve_svg(curve)}</figure>" for curve in curves(summary, unit)),
        "<h2>Texts</h2>",
        f"<p>{_text(_chosen_words(store, documents, both))}</p>",
        "<div>",
        *_controls(store, documents, both, unit),
        *(_section(store, each, both, number_) for number_, each in enumerate(documents)),
        '<div id="place" hidden></div></div>',
    ]
    return html_page(title, STYLE, parts, script=SCRIPT, data=_data(data))


def _text(text: str, limit: int = 1000) -> str:
    return escape(published(printable(text, limit)))


def _data(data: object) -> str:
    """Return JSON that ends no script element."""
    return escaped_json(json.dumps(data, ensure_ascii=False, separators=(",", ":"))).replace("<", "\\u003c")


def _tables(
    summary: TokensSummary, store: DistributionStore, pair: tuple[int, int], unit: Unit
) -> Iterator[str]:  # fmt: skip
    """Yield the tables and sentences of the terminal, as HTML."""
    from rich.table import Table
    from rich.text import Text

    for part in tokens_view(summary, store, pair=pair, unit=unit, plots=False):
        if isinstance(part, Table):
            yield _table(part)
        elif isinstance(part, Text) and part.plain.strip():
            yield f"<p>{_text(part.plain, 2000)}</p>"


def _table(found: Table) -> str:
    """Return one of rich's tables; a second line of a cell in small letters."""
    columns = [[_cell(cell) for cell in column.cells] for column in found.columns]
    head = "".join(f'<th scope="col">{_heading(column.header)}</th>' for column in found.columns)
    rows = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in zip(*columns, strict=True)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _heading(heading: object) -> str:
    return _text(str(heading).replace("\n‖", "‖").replace("\n", " "))


def _cell(cell: object) -> str:
    first, newline, rest = str(getattr(cell, "plain", cell)).partition("\n")
    return _text(first) + (f"<small>{_text(rest)}</small>" if newline else "")


def _chosen_words(store: DistributionStore, documents: Sequence[PageDocument], pair: tuple[int, int]) -> str:
    """Say which documents are on the page, and what was left out."""
    every = len(store.texts(pair[1]).documents)
    how = "those that changed side first, then by their mean JS" if pair[0] != pair[1] else "in the order of the texts"
    some = f"{len(documents):,} of {every:,}" if len(documents) < every else f"All {every:,}"
    said = f"{some} documents, {how}."
    cut = sum(each.coloured.left_out for each in documents)
    return f"{said} {cut:,} tokens at the end of the last one are left out." if cut else said


def _controls(
    store: DistributionStore, documents: Sequence[PageDocument], pair: tuple[int, int], unit: Unit
) -> Iterator[str]:
    named = store.texts(pair[1]).documents
    options = []
    for number_, each in enumerate(documents):
        one = named[each.number]
        words = [f"{each.number + 1}. {one_line(one.place, 40)}"]
        words += [one.change if one.change in ("fixed", "broken") else ""]
        if each.js is not None:
            least = "≥" if store.pair(*pair, each.number).bound == "lower" else ""
            words.append(f"JS {least}{number(unit.factor * each.js)}")
        words += [f"by {one_line(one.written_by, 30)}" if one.written_by else ""]
        options.append(f'<option value="{number_}">{_text(" · ".join(filter(None, words)))}</option>')
    metrics = "".join(f'<option value="{metric.name}">{_text(metric.title)}</option>' for metric in page_metrics(pair))
    yield (
        '<div class="bar" hidden>'
        f'<label>Text <select id="documents">{"".join(options)}</select></label>'
        f'<label>Colour <select id="metrics">{metrics}</select></label>'
        '<button id="previous" type="button">previous divergence</button>'
        '<button id="next" type="button">next divergence</button></div>'
    )
    yield (
        '<p class="notes">The stronger the colour and the underline, the farther apart (or the less sure, the less '
        "likely); a line below a token: the models' likeliest tokens differ.</p>"
    )


def _section(store: DistributionStore, document: PageDocument, pair: tuple[int, int], number_: int) -> str:
    place = store.texts(pair[1]).documents[document.number].place
    pieces = "".join(
        f'<span class="s{piece.step}{" x" if piece.changed else ""}">{escape(piece.text)}</span>{_end(piece.ends_line)}'
        if piece.first >= 0
        else f'<i class="p">{escape(piece.text)}</i>{_end(piece.ends_line)}'
        for piece in document.coloured.pieces
    )
    return f'<section class="text" id="text{number_}" aria-label="{_text(one_line(place, 80))}">{pieces}</section>'


def _end(ends_line: bool) -> str:
    return "\n" if ends_line else ""
