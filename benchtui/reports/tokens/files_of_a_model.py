"""Shows the GGUF files of a model against their parent, token by token: the numbers that users of llama.cpp know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchtui.reports.tokens.cells import stacked, table, texts
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.tokens import number
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from benchtui.compare.quantizations import FileTokens, Quantizations

_QUANTILES = ("50%", "99%", "99.9%")


def tokens_parts(found: Quantizations, glyphs: Glyphs = UNICODE) -> Iterator[RenderableType]:
    """Yield the two tables and the sentences about them."""
    from rich.text import Text

    told = [(each.weights.label, each.tokens) for each in found.found if each.tokens is not None]
    divergences = table("Token by token", "Mean KL", "Median", "99 %", "99.9 %", "Largest")
    tokens = table("", "Same top token", "Mean Δp", "RMS Δp", "Perplexity")
    for label, one in told:
        pair = one.pair
        divergences.add_row(*texts(label, _least(one, glyphs) + stacked(pair.kl, glyphs), *_quantiles(one, glyphs)))
        ratio = stacked(pair.perplexity_ratio, glyphs, decimals=4)
        tokens.add_row(
            *texts(
                label,
                stacked(pair.same_top, glyphs, share=True),
                stacked(pair.delta_p, glyphs, share=True, decimals=2),
                stacked(pair.delta_p_rms, glyphs, share=True, decimals=2),
                f"{'×' if glyphs is UNICODE else 'x'} {ratio}",
            )
        )
    yield divergences
    yield Text("")
    yield tokens
    for line in dict.fromkeys(_about(one, found.parent.label, glyphs) for _, one in told):
        yield Text(printable(line), style="dim")
    for note in dict.fromkeys(note for _, one in told for note in one.notes):
        yield Text(printable(f"! {note}", 400), style="yellow")


def _quantiles(one: FileTokens, glyphs: Glyphs) -> list[str]:
    spread = one.pair.spreads.get("kl")
    if spread is None:
        return [""] * (len(_QUANTILES) + 1)
    return [number(value, glyphs) for value in (*map(spread.quantiles.get, _QUANTILES), spread.largest)]


def _least(one: FileTokens, glyphs: Glyphs) -> str:
    return glyphs.least if one.pair.bound == "lower" else ""


def _about(one: FileTokens, parent: str, glyphs: Glyphs) -> str:
    between = "‖" if glyphs is UNICODE else "||"
    lower = " A lower bound: only the likeliest tokens were kept." if one.pair.bound == "lower" else ""
    texts_ = f"{one.documents:,} documents ({one_line(one.texts, 100)})"
    return (
        f"KL({one_line(parent, 40)}{between}file) in nats, over {one.pair.kl.n:,} tokens of {texts_}, with 95 % "
        "intervals by document; Δp of the text's own token, perplexity by the "
        f"parent's.{lower} The coloured texts: benchtui tokens show {one_line(one.run, 100)}"
    )
