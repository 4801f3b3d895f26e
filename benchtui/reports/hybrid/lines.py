"""What is drawn of a sweep, alike in a terminal, in an SVG and on a page: lines, points, the reach of the plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchtui.reports.wording.hybrid import percent, score_words, threshold_words

if TYPE_CHECKING:
    from benchtui.routing.sweeps.conclude import Conclusion, Place

Kind = Literal["small", "large", "asked", "recommended"]
Name = Literal["oracle", "line", "random", "curve"]
NAMES: dict[Name, str] = {
    "curve": "this rule",
    "line": "straight line (documents at random)",
    "random": "tokens at random (simulated)",
    "oracle": "oracle (knows which documents gain)",
}


@dataclass(frozen=True)
class DrawnLine:
    """A line: shares of work 0..1, increasing, and scores."""

    name: Name
    shares: tuple[float, ...]
    scores: tuple[float, ...]

    def at(self, share: float) -> float:
        """Return the score at a share of work, between those that are known."""
        places = [place for place, each in enumerate(self.shares) if each <= share]
        place = places[-1] if places else 0
        if place + 1 == len(self.shares) or self.shares[place + 1] == self.shares[place]:
            return self.scores[place]
        part = (share - self.shares[place]) / (self.shares[place + 1] - self.shares[place])
        return self.scores[place] + part * (self.scores[place + 1] - self.scores[place])


@dataclass(frozen=True)
class DrawnPoint:
    """A threshold with its interval, whose ends are None where too few documents tell it; `said` has all in words."""

    kind: Kind
    share: float
    score: float
    low: float | None
    high: float | None
    label: str
    said: str


def drawn_lines(found: Conclusion) -> tuple[DrawnLine, ...]:
    """Return the lines of a plot, the curve itself last."""
    ends = found.curve.scores[0], found.curve.scores[-1]
    lines = [DrawnLine("oracle", found.oracle.shares, found.oracle.scores), DrawnLine("line", (0.0, 1.0), ends)]
    if found.random is not None:
        lines.append(DrawnLine("random", found.random.shares, found.random.scores))
    return (*lines, DrawnLine("curve", found.curve.shares, found.curve.scores))


def drawn_points(found: Conclusion, *, is_share: bool) -> tuple[DrawnPoint, ...]:
    """Return both models alone and the thresholds that were asked for."""
    recommended = found.recommended.place
    kinds: list[tuple[Kind, Place]] = [("small", found.small)]
    kinds += [("recommended" if n == recommended else "asked", place) for n, place in enumerate(found.places)]
    kinds.append(("large", found.large))
    points = []
    for kind, place in kinds:
        share, score = place.work[found.measure].value, place.score
        if share is not None and score.value is not None:
            label = threshold_words(place, kind)
            said = f"{label}: {score_words(score, is_share=is_share)} at {percent(share)}"
            points.append(DrawnPoint(kind, min(share, 1.0), score.value, score.low, score.high, label, said))
    return tuple(points)


def reach(lines: tuple[DrawnLine, ...], points: tuple[DrawnPoint, ...] = ()) -> tuple[float, float]:
    """Return the least and the greatest score of lines, and of the intervals of points, with a little room; never
    equal."""
    ends = [score for line in lines for score in line.scores]
    ends += [end for point in points for end in (point.low, point.high) if end is not None]
    low, high = min(ends), max(ends)
    room = 0.04 * (high - low) or 0.5 * (abs(low) or 1)
    return low - room, high + room
