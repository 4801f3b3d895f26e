"""Shows a document of a comparison by token in a terminal: its text, and where the models differ most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchtui.errors import UsageError
from benchtui.reports.tokens.cells_of_text import coloured_text
from benchtui.reports.tokens.lines import BARS, text_lines
from benchtui.reports.tokens.metrics import TokenMetric, values_of
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.tokens import Unit, number, pair_words, quoted, shift_word
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from benchtui.tokens.store import DistributionStore

FURTHEST = 3
"""Places that are shown with the likeliest tokens of both models."""
NARROWEST = 34
"""Columns that the likeliest tokens of one model need beside those of another."""
NAME = 16
"""Columns of a token's name."""
LISTED = 5
"""Likeliest tokens that are listed."""


def find_documents(store: DistributionStore, model: int, named: str) -> list[int]:
    """Return the documents that a user means: by number, from 1 on, in the order of the texts, or by their place as it
    is shown ("gsm8k #17"), which several texts may have. Raises UsageError where there is none."""
    documents = store.texts(model).documents
    if named.isdecimal() and len(named) < 10:
        if 1 <= int(named) <= len(documents):
            return [int(named) - 1]
    else:
        wanted = " ".join(named.split()).casefold()
        found = [n for n, one in enumerate(documents) if " ".join(one.place.split()).casefold() == wanted]
        if found:
            return found
    some = ", ".join(repr(one_line(one.place, 40)) for one in documents[:3])
    raise UsageError(
        f"There is no document {one_line(named, 60)!r} among {len(documents):,}.",
        f"Give a number from 1 to {len(documents)}, or a place as {some}.",
    )


def print_document(
    store: DistributionStore,
    document: int,
    pair: tuple[int, int],
    metric: TokenMetric,
    console: Console,
    unit: Unit,
) -> None:
    """Print a document. Raises BenchtuiError where the store cannot be read."""
    for line in document_view(store, document, pair, metric, console.width, unit, glyphs_for(console.encoding)):
        console.print(line, soft_wrap=True)


def document_view(
    store: DistributionStore,
    document: int,
    pair: tuple[int, int],
    metric: TokenMetric,
    width: int,
    unit: Unit,
    glyphs: Glyphs,
) -> Iterator[Text]:
    """Yield the lines: a heading, the text with its bars, and the FURTHEST places by the metric."""
    from rich.text import Text

    labels, (first, second) = store.header.labels, pair
    texts = store.texts(second)
    one = texts.documents[document]
    who = pair_words(labels[first], labels[second], glyphs) if first != second else one_line(labels[second], 40)
    about = [who, one_line(one.place, 60)]
    about += [f"written by {one_line(one.written_by, 40)}"] if one.written_by else []
    about += [one.change] if one.change in ("fixed", "broken") else []
    yield Text(glyphs.dot.join(about), style="bold")
    values = values_of(store, metric, first, second, document)
    lower = metric.of_pair and store.pair(first, second, document).bound == "lower"
    yield Text(_total(values, metric, unit, glyphs, least=glyphs.least if lower else ""))
    yield Text(glyphs.rest * width, style="dim")
    coloured = coloured_text(store, metric, first, second, document)
    yield from text_lines(coloured.pieces, width, glyphs)
    if coloured.left_out:
        yield Text(f"{glyphs.more} {coloured.left_out:,} more tokens are not shown.", style="yellow")
    for place in _furthest(values):
        yield Text("")
        yield from place_view(store, document, place, pair, width, unit, glyphs)
    yield Text("")
    bars = BARS[glyphs is UNICODE]
    yield Text(
        f"{bars} {metric.title} in eight steps, of {metric.scale_words}; ^ the models' likeliest tokens differ.",
        style="dim",
    )


def _total(values: np.ndarray, metric: TokenMetric, unit: Unit, glyphs: Glyphs, *, least: str) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return f"{len(values):,} tokens."
    factor, name = (unit.factor, f" {unit.name}") if metric.in_nats else (1.0, "")
    mean, most = (least + number(factor * float(value), glyphs) for value in (known.mean(), known.max()))
    return f"{metric.title}: mean {mean}{name}, largest {most}, over the {len(values):,} scored tokens of this text."


def _furthest(values: np.ndarray) -> list[int]:
    order = np.argsort(-np.nan_to_num(values, nan=-math.inf, posinf=math.inf), kind="stable")
    return [int(place) for place in order[:FURTHEST]]


def place_view(
    store: DistributionStore,
    document: int,
    position: int,
    pair: tuple[int, int],
    width: int,
    unit: Unit,
    glyphs: Glyphs,
) -> Iterator[Text]:
    """Yield the likeliest tokens of both models at a scored token (from 0), the text's own marked."""
    from rich.text import Text

    labels = [one_line(store.header.labels[model], max(width // 5, 8)) for model in dict.fromkeys(pair)]
    scores = [store.scores(model, document) for model in dict.fromkeys(pair)]
    told = [f"{label} {number(unit.factor * float(one.entropy[position]), glyphs)}" for label, one in zip(labels, scores, strict=True)]  # fmt: skip  # noqa: E501
    heading = f"token {position + 1}{glyphs.dot}entropy {glyphs.dot.join(told)} {unit.name}"
    if len(labels) == 2:
        numbers = store.pair(*pair, document)
        word = shift_word(int(numbers.shift[position]))
        least = glyphs.least if numbers.bound == "lower" else ""
        js = number(unit.factor * float(numbers.js[position]), glyphs)
        heading += f"{glyphs.dot}JS {least}{js}{glyphs.dot}{word}"
    yield Text(f"{glyphs.rest * 2} {heading} ".ljust(width, glyphs.rest), style="bold")
    tokens = store.texts(pair[1]).tokens[document]
    own = int(tokens.scored[position])
    sides = [
        [label, *_side(store, model, one.top_ids[position], one.top_logprobs[position], own, glyphs)]
        for model, label, one in zip(dict.fromkeys(pair), labels, scores, strict=True)
    ]
    column = min((width - 2) // len(sides), 50)
    if column < NARROWEST:
        yield from (Text(f"  {line}") for side in sides for line in side)
    else:
        for row in zip(*sides, strict=True):
            yield Text("  " + "".join(_fitted(cell, column) for cell in row).rstrip())
    ranks = [
        f"{label} rank {int(one.rank[position]):,}, p {math.exp(float(one.logprob[position])):.3f}"
        for label, one in zip(labels, scores, strict=True)
    ]
    yield Text(
        f"  in the text {quoted(_own_text(store, document, position, pair[1]), glyphs)}: {'; '.join(ranks)}",
        style="dim",
    )


def _own_text(store: DistributionStore, document: int, position: int, model: int) -> str:
    """Return the text of a scored token, by its place in the document; of one that is no text there, its name."""
    texts = store.texts(model)
    tokens = texts.tokens[document]
    start, end = (int(spans[tokens.first + position]) for spans in (tokens.starts, tokens.ends))
    raw = store.vocabulary(model).text(int(tokens.scored[position]))
    return texts.documents[document].text[start:end] if end > start and "⟨" not in raw else raw


def _side(
    store: DistributionStore, model: int, ids: Sequence[int], logprobs: Sequence[float], own: int, glyphs: Glyphs
) -> list[str]:
    """Return lines of equal number: the likeliest tokens with their probabilities as bars, the text's own marked."""
    from rich.cells import set_cell_size

    vocabulary = store.vocabulary(model)
    lines = []
    for token, logprob in list(zip(ids, logprobs, strict=True))[:LISTED]:
        if token < 0:
            lines.append("")
            continue
        p = math.exp(float(logprob))
        here = f" {'←' if glyphs is UNICODE else '<-'} text" if int(token) == own else ""
        name = set_cell_size(quoted(vocabulary.text(int(token)), glyphs), NAME)
        lines.append(f"{name} {p:.3f} {glyphs.full * round(6 * p)}{here}".rstrip())
    rest = 1 - sum(math.exp(float(logprob)) for logprob in logprobs[:LISTED] if math.isfinite(logprob))
    return [*lines, f"{'all others':<{NAME}} {max(rest, 0.0):.3f}"]


def _fitted(cell: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(cell, width)
