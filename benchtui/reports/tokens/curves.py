"""The curves of a comparison by token: one number of every model, in their order, each with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.reports.wording.tokens import NATS, Unit
from benchtui.text import one_line
from benchtui.tokens.curves import curve

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
    found = curve(summary)
    first = one_line(found[0].label, 40) if found else ""
    previous = [(each.label, each.js_previous) for each in found if each.model > 1]
    told: list[tuple[str, list[tuple[str, Estimate | None]]]] = [
        (f"-{unit.logarithm} p of the text, {unit.name} a token", [(each.label, each.surprisal) for each in found]),
        (f"entropy, {unit.name}", [(each.label, each.entropy) for each in found]),
        (f"JS to {first}, {unit.name}", [(each.label, each.js_first) for each in found]),
        (f"JS to the model before, {unit.name}", previous),
    ]
    for title, estimates in told:
        points = tuple(
            Point(one_line(name, 40), unit.factor * each.value, *_scaled(each, unit))
            for name, each in estimates
            if each is not None and each.value is not None
        )
        if len(points) > 1:
            yield Curve(title, points)


def _scaled(found: Estimate, unit: Unit) -> tuple[float | None, float | None]:
    if found.low is None or found.high is None:
        return None, None
    return unit.factor * found.low, unit.factor * found.high
