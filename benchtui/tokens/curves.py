"""How a model changes over its checkpoints, in the order in which they were named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchtui.tokens.summary import Estimate, PairStatistics, TokensSummary


@dataclass(frozen=True)
class CurvePoint:
    """One checkpoint: its entropy and the surprisal of the texts, and how far it is from the first model and from the
    one before it, None where these were not compared."""

    model: int
    label: str
    entropy: Estimate
    surprisal: Estimate
    js_first: Estimate | None
    js_previous: Estimate | None


def curve(summary: TokensSummary) -> tuple[CurvePoint, ...]:
    """Return a point a model, in order. Of texts that each model wrote itself nothing is compared."""
    return tuple(_points(summary))


def _points(summary: TokensSummary) -> Iterator[CurvePoint]:
    pairs = {(pair.first, pair.second): pair for pair in summary.pairs}
    for number, model in enumerate(summary.models):
        first, previous = pairs.get((0, number)), pairs.get((number - 1, number))
        yield CurvePoint(
            number,
            model.label,
            model.entropy,
            model.surprisal,
            _js(first),
            _js(previous),
        )


def _js(pair: PairStatistics | None) -> Estimate | None:
    return None if pair is None else pair.js
