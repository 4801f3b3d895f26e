"""Writes a comparison by token as files for other programs: CSV, JSON, and one document as a picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.reports.exports import cell
from benchtui.reports.picture import terminal_svg
from benchtui.reports.tokens.metrics import TokenMetric
from benchtui.reports.tokens.shown import document_view
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.reports.wording.tokens import Unit
from benchtui.text import json_text
from benchtui.tokens.table import COLUMNS, token_rows

if TYPE_CHECKING:
    from rich.console import Console

    from benchtui.tokens.store import DistributionStore
    from benchtui.tokens.summary import TokensSummary

PICTURE_COLUMNS = 100


def tokens_csv(store: DistributionStore) -> str:
    """Return a line for each model and scored token, with a header. Raises BenchtuiError where the store cannot be
    read."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rows in token_rows(store):
        lines = zip(*(rows[name] for name in COLUMNS), strict=True)
        writer.writerows([cell(value) for value in line] for line in lines)
    return buffer.getvalue()


def tokens_json(summary: TokensSummary, store: DistributionStore) -> str:
    """Return summary, models, and all numbers of all tokens as one JSON object; ends in a newline."""
    document = {
        "schema_version": 1,
        "summary": msgspec.to_builtins(summary),
        "models": [msgspec.to_builtins(model) for model in store.models],
        "rows": list(_json_rows(store)),
    }
    return json_text(document)


def _json_rows(store: DistributionStore) -> Iterator[dict[str, Any]]:
    """Yield a model and a document at a time: what is the same in all lines once, the others as lists."""
    same = COLUMNS[: COLUMNS.index("part")]
    for rows in token_rows(store):
        if rows["position"]:
            shared = {name: rows[name][0] for name in same}
            lists = {name: rows[name] for name in COLUMNS if name not in same and rows[name][0] is not None}
            yield {**shared, **{name: [_finite(value) for value in values] for name, values in lists.items()}}


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def document_svg(
    store: DistributionStore, document: int, pair: tuple[int, int], metric: TokenMetric, unit: Unit
) -> str:
    """Return the text of a document with its bars as one self-contained SVG, as a terminal shows it."""
    columns = PICTURE_COLUMNS
    lines = list(document_view(store, document, pair, metric, columns, unit, UNICODE))

    def draw(console: Console) -> None:
        for line in lines:
            console.print(line, soft_wrap=True)

    return terminal_svg("benchtui tokens show", columns, draw)
