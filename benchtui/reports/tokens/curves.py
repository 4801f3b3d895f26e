"""The curves of a comparison by token: one number of every model, in their order, each with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.reports.wording.tokens import NATS, Unit
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.tokens.summary import Estimate, TokensSummary


@dataclass(frozen=True)
class Point:
    """A value with its 95 % interval, whose ends are None where too few documents tell it."""

    label: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Curve:
    """A number over models; `points` are in the models' order, and those without a value are left out."""

    title: str
    points: tuple[Point, ...]

    @property
    def reach(self) -> tuple[float, float]:
        """The least and the greatest number drawn, never equal."""
        ends = [end for point in self.points for end in (point.value, point.low, point.high) if end is not None]
        low, high = min(ends), max(ends)
        return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))


def curves(summary: TokensSummary, unit: Unit = NATS) -> Iterator[Curve]:
    """Yield the curves that have two points or more: how likely the text is, how sure the models are, how far they are
    from the reference and from the one before."""
    labels = [one_line(model.label, 40) for model in summary.models]
    models = list(zip(labels, summary.models, strict=True))
    from_first = [(labels[pair.second], pair.js) for pair in summary.pairs if pair.first == 0]
    from_previous = [(labels[pair.second], pair.js) for pair in summary.pairs if pair.first == pair.second - 1]
    told: list[tuple[str, list[tuple[str, Estimate]]]] = [
        (f"-{unit.logarithm} p of the text, {unit.name} a token", [(name, model.surprisal) for name, model in models]),
        (f"entropy, {unit.name}", [(name, model.entropy) for name, model in models]),
        (f"JS to {labels[0] if labels else ''}, {unit.name}", from_first),
        (f"JS to the model before, {unit.name}", from_previous if from_previous != from_first else []),
    ]
    for title, estimates in told:
        points = tuple(
            Point(name, unit.factor * each.value, *_scaled(each, unit))
            for name, each in estimates
            if each.value is not None
        )
        if len(points) > 1:
            yield Curve(title, points)


def _scaled(found: Estimate, unit: Unit) -> tuple[float | None, float | None]:
    if found.low is None or found.high is None:
        return None, None
    return unit.factor * found.low, unit.factor * found.high
