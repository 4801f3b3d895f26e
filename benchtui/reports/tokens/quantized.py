"""Shows a quantised model against its parent with the numbers that users of llama.cpp know, under their names there
(llama.cpp's perplexity tool, `--kl-divergence`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.tokens import number

if TYPE_CHECKING:
    from benchtui.tokens.records import StoredModel
    from benchtui.tokens.summary import Estimate, ModelStatistics, PairStatistics, TokensSummary

_QUANTISED = re.compile(
    r"(?:^|[^a-z0-9])(?:i?q[1-8]_\w+|[248]-?bit|int[48]|nf4|fp4|awq|gptq)(?![a-z0-9])", re.IGNORECASE
)
_NAME = 17


def is_quantised(model: StoredModel) -> bool:
    """Whether the name or the source of a model says that its weights have fewer than 16 bits."""
    return any(_QUANTISED.search(text) is not None for text in (model.label, model.source))


def llama_cpp_lines(summary: TokensSummary, pair: PairStatistics, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield the lines of llama.cpp's statistics: PPL(Q) is the second model's, PPL(base) the first one's, KLD is
    KL(first‖second). Behind ± stands the standard error, here by documents and not by tokens."""
    plus_minus = glyphs.plus_minus
    first, second = summary.models[pair.first], summary.models[pair.second]
    yield from _perplexities(first, second, pair, plus_minus)
    yield from _kl(pair, plus_minus)
    change = pair.spreads.get("delta_p")
    yield _line("Mean    Δp", _percent(pair.delta_p, plus_minus))
    if change is not None:
        yield _line("Maximum Δp", f"{100 * change.largest:.3f} %")
    yield _line("RMS Δp", _percent(pair.delta_p_rms, plus_minus))
    yield _line("Same top p", _percent(pair.same_top, plus_minus))


def _perplexities(
    first: ModelStatistics, second: ModelStatistics, pair: PairStatistics, plus_minus: str
) -> Iterator[str]:
    yield _line("Mean PPL(Q)", _with_error(second.perplexity, plus_minus))
    yield _line("Mean PPL(base)", _with_error(first.perplexity, plus_minus))
    yield _line("PPL(Q)/PPL(base)", _with_error(pair.perplexity_ratio, plus_minus))


def _kl(pair: PairStatistics, plus_minus: str) -> Iterator[str]:
    least = "≥ " if pair.bound == "lower" else ""
    yield _line("Mean    KLD", least + _with_error(pair.kl, plus_minus))
    spread = pair.spreads.get("kl")
    if spread is None:
        return
    yield _line("Maximum KLD", least + f"{spread.largest:.6f}")
    for name, said in (
        ("99.9%", "99.9%   KLD"),
        ("99%", "99.0%   KLD"),
        ("95%", "95.0%   KLD"),
        ("50%", "Median  KLD"),
    ):
        if name in spread.quantiles:
            yield _line(said, least + f"{spread.quantiles[name]:.6f}")


def _line(name: str, value: str) -> str:
    return f"{name:<{_NAME}}: {value}"


def _with_error(found: Estimate, plus_minus: str) -> str:
    if found.value is None:
        return number(None)
    return f"{found.value:.6f}" + (f" {plus_minus} {found.stderr:.6f}" if found.stderr is not None else "")


def _percent(found: Estimate, plus_minus: str) -> str:
    if found.value is None:
        return number(None)
    error = f" {plus_minus} {100 * found.stderr:.3f}" if found.stderr is not None else ""
    return f"{100 * found.value:.3f}{error} %"
