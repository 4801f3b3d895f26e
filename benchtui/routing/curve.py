"""What a rule gives for what it costs: scores against the share of the work that the large model does.

Beside the rule there are both models alone, the straight line between them (what documents deferred at random give),
and an oracle that knows which documents the large model alone gets right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.evidence.bootstrap import FEWEST, bootstrap, bootstrap_interval
from benchtui.evidence.records import Floats, Interval
from benchtui.routing.paired import Paired, paired
from benchtui.tokens.estimates import ratio, share
from benchtui.tokens.summary import Estimate

MOST = 101
"""The most thresholds that a curve is drawn through."""
_FAR = 1e9
"""A ratio whose denominator is 0: further than any other."""

Numbers = NDArray[Any]
Why = Literal["", "the models do not differ", "the large model is worse", "too few documents"]


class Recovered(msgspec.Struct, frozen=True):
    """APGR: the mean share of the gap between both models that a rule recovers, over all shares of work; 0.5 at random.

    None where it is refused, for the reason `why`: it divides by a gap that may be nothing, and is noise then.
    """

    value: float | None
    interval: Interval | None
    why: Why = ""


@dataclass(frozen=True)
class Curve:
    """A rule at `thresholds` (t,), which decrease from infinity, the small model alone, to minus infinity, the large
    one: `scores` [t, documents], and the large model's `work` [t, documents] (calls, tokens, documents). Documents
    count by their `weights` (documents,), None: alike. `bounded`: scores from 0 to 1 have these as the ends of their
    scale.

    Raises ValueError for other shapes, without documents, and where the work does not begin at 0 or is nothing.
    """

    thresholds: NDArray[np.float64]
    scores: NDArray[np.float64]
    work: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None
    bounded: bool = True

    def __post_init__(self) -> None:
        shape = (len(self.thresholds), self.scores.shape[-1])
        if self.scores.shape != shape or self.work.shape != shape or 0 in shape:
            raise ValueError(f"scores {self.scores.shape} and work {self.work.shape} are not of {shape[0]} thresholds")
        if self.thresholds[0] != np.inf or self.thresholds[-1] != -np.inf:
            raise ValueError("a curve begins with the small model alone, and ends with the large one")
        if self.work[0].any() or not self.work[-1].sum() > 0:
            raise ValueError("the large model's work must be 0 where the small one does everything, and then grow")

    def score_at(self, row: int) -> Estimate:
        """Estimate the score at a threshold; its interval takes documents as the units."""
        scores, each = self.scores[row], self._each
        of_scores = share if self.weights is None and np.isin(scores, (0, 1)).all() else ratio
        return of_scores(scores * each, each, len(each))

    def work_at(self, row: int) -> Estimate:
        """Estimate the large model's work at a threshold by what it does alone. It can be more, where texts become
        longer: then it is no share."""
        work, alone = self.work[row], self.work[-1]
        at_an_end = row in (0, len(self.work) - 1)  # there it is 0 and 1, whatever the documents
        a_share = not at_an_end and bool((work <= alone).all())
        return (share if a_share else ratio)(work, alone, int(alone.sum()))

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The large model's work by what it does alone (t,)."""
        found: NDArray[np.float64] = self.work.sum(-1) / self.work[-1].sum()
        return found

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """The mean score (t,)."""
        found: NDArray[np.float64] = self.scores @ self._each / self._each.sum()
        return found

    @cached_property
    def difference(self) -> Paired:
        """The large model alone against the small one alone."""
        return paired(self.scores[0], self.scores[-1], self.weights, bounded=self.bounded)

    def line(self, shares: ArrayLike) -> NDArray[np.float64]:
        """Return the straight line between both models at shares of work (n,): exactly what is expected of deferring
        documents at random."""
        found: NDArray[np.float64] = self.means[0] + np.asarray(shares, np.float64) * (self.means[-1] - self.means[0])
        return found

    def oracle(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return shares of work and scores, (documents + 1,) each, of deferring documents by what each gains for its
        work: those first that the large model gets right and the small one wrong. No rule that defers whole documents
        is above it; one that mixes tokens can be."""
        gains, work = (self.scores[-1] - self.scores[0]) * self._each, self.work[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = np.where(work > 0, gains / work, np.sign(gains) * np.inf)
        order = np.argsort(-np.nan_to_num(worth), kind="stable")
        shares = np.append(0.0, np.cumsum(work[order])) / work.sum()
        return shares, self.means[0] + np.append(0.0, np.cumsum(gains[order])) / self._each.sum()

    @property
    def refused(self) -> Why:
        """Why there is no figure for the whole curve, "" where there is one."""
        interval = self.difference.interval
        if interval is None or not interval.excludes_zero():
            return "the models do not differ"
        if interval.high < 0:
            return "the large model is worse"
        return "" if self.difference.n >= FEWEST else "too few documents"

    def recovered(self) -> Recovered:
        """Compute APGR, (area under the curve - small) / (large - small), with its bootstrap interval over documents
        (I. Ong et al., "RouteLLM", arXiv 2406.18665, section 3). The area is over all shares from 0 to 1."""
        if self.refused:
            return Recovered(None, None, self.refused)
        order = self._order
        t, each = len(order), self._each
        terms = np.concatenate([self.scores[order] * each, self.work[order], each[None]]).T

        def figure(sums: Floats) -> Floats:
            scores, work = sums[..., :t] / sums[..., -1:], sums[..., t:-1]
            return _recovered(scores, np.minimum(work / work[..., -1:], 1.0))

        value = float(figure(terms.sum(0) / len(terms)))
        draws = bootstrap(terms, figure)
        interval = None if draws is None else bootstrap_interval(draws)
        if interval is None or max(-interval.low, interval.high) >= _FAR:
            return Recovered(None, None, "too few documents")
        return Recovered(value, interval)

    def share_for(self, part: float) -> float | None:
        """Return the least share of work that recovers `part` (0..1) of the gap (CPT of RouteLLM); None where `refused`
        is not "". Read from the non-decreasing envelope of the curve, since a score may fall where more is routed."""
        if self.refused:
            return None
        order = self._order
        shares, best = np.minimum(self.shares[order], 1.0), np.maximum.accumulate(self.means[order])
        wanted = self.means[0] + part * (self.means[-1] - self.means[0])
        place = int(np.argmax(best >= wanted - 1e-12))
        if place == 0:
            return float(shares[0])
        rise = (wanted - best[place - 1]) / (best[place] - best[place - 1])
        return float(shares[place - 1] + min(rise, 1.0) * (shares[place] - shares[place - 1]))

    @property
    def _each(self) -> NDArray[np.float64]:
        """What each document counts."""
        return np.ones(self.scores.shape[-1]) if self.weights is None else self.weights

    @property
    def _order(self) -> NDArray[np.intp]:
        """The thresholds by growing work, between both ends."""
        inner = 1 + np.argsort(self.shares[1:-1], kind="stable")
        return np.concatenate([[0], inner, [len(self.shares) - 1]])


def _recovered(scores: Numbers, shares: Numbers) -> Numbers:
    """APGR of curves [..., t]."""
    area = (np.diff(shares, axis=-1) * (scores[..., 1:] + scores[..., :-1]) / 2).sum(-1)
    gap, above = scores[..., -1] - scores[..., 0], area - scores[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = np.where(gap == 0, np.sign(above) * _FAR, above / gap)
    return found
