"""Prints what a comparison by token found as tables: models, pairs, where they part, and what has to be known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchtui.reports.tokens.cells import stacked, table, texts
from benchtui.reports.tokens.curves import curves
from benchtui.reports.tokens.parting import parting_view
from benchtui.reports.tokens.plot import curve_lines
from benchtui.reports.tokens.quantized import is_quantised, llama_cpp_lines
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.tokens import (
    NATS,
    Scope,
    Unit,
    estimate_words,
    flip_sentences,
    legend,
    notes,
    number,
    pair_words,
    place_words,
    shift_words,
    span_sentence,
)
from benchtui.text import one_line, printable
from benchtui.tokens.flips import read_as_a_whole
from benchtui.tokens.modes import REFERENCE

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from benchtui.tokens.store import DistributionStore, TextSet
    from benchtui.tokens.summary import Estimate, ModelStatistics, PairStatistics, Spread, TokensSummary

WIDEST_PLOT = 100
LONGEST = 20
"""Characters of models' names that are written out between brackets."""


def print_tokens(
    summary: TokensSummary,
    store: DistributionStore,
    console: Console,
    *,
    pair: tuple[int, int] | None = None,
    unit: Unit = NATS,
) -> None:
    """Print everything on a terminal, a pipe or a file. Where the models part is shown for `pair`, else for the
    reference and the last model. Raises BenchtuiError where the store cannot be read."""
    for part in tokens_view(
        summary, store, pair=pair, unit=unit, glyphs=glyphs_for(console.encoding), width=console.width
    ):
        console.print(part)


def tokens_view(
    summary: TokensSummary,
    store: DistributionStore,
    *,
    pair: tuple[int, int] | None = None,
    unit: Unit = NATS,
    glyphs: Glyphs = UNICODE,
    width: int = 100,
    plots: bool = True,
) -> Iterator[RenderableType]:
    """Yield the tables and sentences, to be printed by rich in `width` columns, and with `plots` the curves over
    three models or more."""
    from rich.text import Text

    labels = store.header.labels
    yield Text(printable(f"{one_line(summary.texts, 200)}: {summary.documents:,} documents."), style="bold")
    yield models_table(summary.models, unit, glyphs)
    if any(model.by_writer for model in summary.models):
        yield Text("")
        yield writers_table(summary.models, unit, glyphs)
    if len(summary.pairs) > 1:
        yield Text("")
        yield pairs_table(summary.pairs, labels, unit, glyphs)
    if plots and len(summary.models) > 2:
        for curve in curves(summary, unit):
            yield Text("")
            yield from curve_lines(curve, min(width, WIDEST_PLOT), glyphs)
    if (shown := chosen_pair(summary, pair)) is not None:
        yield Text("")
        yield pair_table(shown, labels, unit, glyphs)
        yield Text(shift_words(shown))
        if said := place_words(shown, unit, glyphs):
            yield Text(said)
        if any(is_quantised(store.models[model]) for model in _ends(shown)):
            yield Text("\nAs llama.cpp prints it (± one standard error, here by documents)", style="bold")
            yield from (Text(line) for line in llama_cpp_lines(summary, shown, glyphs))
    found = next((each for each in summary.partings if shown and (each.first, each.second) == _ends(shown)), None)
    if found is not None:
        yield from parting_view(found, store, unit, glyphs)
    if summary.flips is not None:
        scope = flips_scope(store.texts(summary.flips.first))
        yield Text("")
        yield from (
            Text(line, style="bold" if not n else "") for n, line in enumerate(flip_sentences(summary.flips, scope))
        )
    yield from (Text(printable(span_sentence(each, labels))) for each in summary.spans)
    yield Text("")
    yield from (Text(f"! {note}", style="yellow") for note in notes(summary, store.models))
    yield Text(legend(unit, pairs=bool(summary.pairs)), style="dim")


def chosen_pair(summary: TokensSummary, pair: tuple[int, int] | None) -> PairStatistics | None:
    """Return the statistics of `pair`, of the reference and the last model where none is named; None where there are
    none."""
    if pair is None:
        with_reference = [each for each in summary.pairs if each.first == 0]
        found = with_reference or summary.pairs
        return found[-1] if found else None
    return next((each for each in summary.pairs if _ends(each) == pair), None)


def _ends(pair: PairStatistics) -> tuple[int, int]:
    return pair.first, pair.second


def flips_scope(texts_: TextSet) -> Scope:
    """Return which tokens of a text set the JS of documents that changed side is of."""
    whole = set(read_as_a_whole(texts_))
    every = {document.task for document in texts_.documents}
    return "before" if not whole else "whole" if whole == every else "mixed"


def models_table(models: Sequence[ModelStatistics], unit: Unit, glyphs: Glyphs) -> Table:
    """Return a table with a line a model."""
    surprisal, by_byte = f"-{unit.logarithm} p of the text", f"{unit.name.capitalize()}/byte"
    found = table("Model", "Tokens", surprisal, "Perplexity", "Entropy", by_byte)
    for model in models:
        found.add_row(
            *texts(
                one_line(model.label, 60),
                f"{model.positions:,}",
                stacked(model.surprisal, glyphs, factor=unit.factor),
                stacked(model.perplexity, glyphs),
                stacked(model.entropy, glyphs, factor=unit.factor),
                stacked(model.nats_per_byte, glyphs, factor=unit.factor),
            )
        )
    return found


def writers_table(models: Sequence[ModelStatistics], unit: Unit, glyphs: Glyphs) -> Table:
    """Return a table of how likely each model finds the texts of each writer, where a compared model wrote some."""
    found = table(
        "Text written by", "Read by", "Texts", f"-{unit.logarithm} p of the text", "Perplexity", left=("Read by",)
    )
    for number_ in range(max((len(model.by_writer) for model in models), default=0)):
        for model in models:
            each = model.by_writer[number_]
            found.add_row(
                *texts(
                    "(references)" if each.writer == REFERENCE else one_line(each.writer, 60) or "not known",
                    one_line(model.label, 60),
                    f"{each.documents:,}",
                    stacked(each.surprisal, glyphs, factor=unit.factor),
                    stacked(each.perplexity, glyphs),
                )
            )
    return found


def pairs_table(pairs: Sequence[PairStatistics], labels: Sequence[str], unit: Unit, glyphs: Glyphs) -> Table:
    """Return a table with a line a pair."""
    delta = f"Δ {unit.logarithm} p"
    found = table("Pair", "JS", "KL(first\n‖second)", "Same top\ntoken", delta)
    for pair in pairs:
        found.add_row(
            *texts(
                pair_words(labels[pair.first], labels[pair.second], glyphs),
                _bounded(stacked(pair.js, glyphs, factor=unit.factor), pair, glyphs),
                _bounded(stacked(pair.kl, glyphs, factor=unit.factor), pair, glyphs),
                stacked(pair.same_top, glyphs, share=True),
                stacked(pair.delta_logprob, glyphs, factor=unit.factor, signed=True),
            )
        )
    return found


def pair_table(
    pair: PairStatistics, labels: Sequence[str], unit: Unit, glyphs: Glyphs, *, narrow: bool = False
) -> Table:
    """Return a table of one pair, with a line a number: its mean with the interval, and its quantiles. `narrow` puts
    the intervals below the means."""
    words = stacked if narrow else estimate_words
    named = [one_line(labels[n], 40) for n in (pair.first, pair.second)]
    first, second = named if max(map(len, named)) <= LONGEST else ("first", "second")
    between = "‖" if glyphs is UNICODE else "||"
    found = table(
        pair_words(labels[pair.first], labels[pair.second], glyphs),
        "Mean (95 % CI)",
        "Median",
        "99 %",
        "99.9 %",
        "Largest",
    )
    nats: list[tuple[str, str, Estimate, bool]] = [
        ("JS", "js", pair.js, True),
        (f"KL({first}{between}{second})", "kl", pair.kl, True),
        (f"KL({second}{between}{first})", "kl_reverse", pair.kl_reverse, True),
        ("TV", "tv", pair.tv, False),
    ]
    for name, key, estimate, in_nats in nats:
        factor = unit.factor if in_nats else 1.0
        mean = _bounded(words(estimate, glyphs, factor=factor), pair, glyphs)
        found.add_row(*texts(name, mean, *_quantiles(pair.spreads.get(key), factor, glyphs)))
    rest: list[tuple[str, str]] = [
        ("Same top token", words(pair.same_top, glyphs, share=True)),
        ("Δp of the text's token", words(pair.delta_p, glyphs, share=True)),
        ("Δp, root mean square", words(pair.delta_p_rms, glyphs, share=True)),
        (
            f"Δ {unit.logarithm} p of the text's token",
            words(pair.delta_logprob, glyphs, factor=unit.factor, signed=True),
        ),
        ("Perplexity ratio", words(pair.perplexity_ratio, glyphs)),
    ]
    for name, mean in rest:
        found.add_row(*texts(name, mean, "", "", "", ""))
    return found


def _quantiles(spread: Spread | None, factor: float, glyphs: Glyphs) -> list[str]:
    if spread is None:
        return ["", "", "", ""]
    told = [spread.quantiles.get(name) for name in ("50%", "99%", "99.9%")]
    return [number(None if value is None else factor * value, glyphs) for value in (*told, spread.largest)]


def _bounded(said: str, pair: PairStatistics, glyphs: Glyphs) -> str:
    return f"{glyphs.least}{said}" if pair.bound == "lower" else said
