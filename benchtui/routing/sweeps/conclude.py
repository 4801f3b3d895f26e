"""What follows from a sweep: thresholds chosen on one half of the documents, and what they do on the other.

The best of several thresholds looks better on the documents that it was chosen on than it is, so these say nothing of
what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.routing.curve import Curve, Recovered
from benchtui.routing.paired import Paired, paired
from benchtui.routing.rules import Threshold
from benchtui.routing.sweeps.choose import halves
from benchtui.routing.sweeps.records import Measure, SweptMetric, SweptTask
from benchtui.routing.thresholds import Verdict, verdict
from benchtui.text import one_line
from benchtui.tokens.summary import Estimate

Floats = NDArray[np.float64]


class Place(msgspec.Struct, frozen=True):
    """What the rule does at a threshold (None: one of both models alone), on the documents that are reported.

    `work` is the large model's by what it does alone, `flops` what both do by that (None: not counted); `difference` is
    rule minus the large model alone, on the metric's own scale, `verdict` whether it is not worse by more than the
    margin (None where there is none). `line` is what documents deferred at random give for this share of the work,
    `random` what tokens routed at random give (None: not simulated).
    """

    threshold: Threshold | None
    work: dict[Measure, Estimate]
    flops: float | None
    score: Estimate
    difference: Paired
    verdict: Verdict | None
    line: float
    random: float | None = None


class Line(msgspec.Struct, frozen=True):
    """A line to be drawn: shares of the large model's work, increasing, and the mean score at each."""

    shares: tuple[float, ...]
    scores: tuple[float, ...]


class Recommended(msgspec.Struct, frozen=True):
    """The threshold that needs least of the large model among those that lose at most the margin on the documents for
    choosing: a number among `Conclusion.places`, `small` or `large` where that is one of them alone, and None where
    nothing was chosen."""

    place: int | None
    alone: str = ""


class Conclusion(msgspec.Struct, frozen=True):
    """One metric of a task. `chosen` documents were for choosing, `reported` are behind every number here; where all
    are reported, `chosen` is 0 and nothing is recommended. `measure` is what `curve`, `random`, `oracle`, `half` and
    `recovered` count work in.

    `small` and `large` are both models alone, `gap` large minus small; `places` the thresholds that were asked for, as
    they decrease; `half` the share of the work that recovers half of the gap, None where there is none.
    """

    task: str
    metric: str
    filter: str
    higher_is_better: bool
    measure: Measure
    chosen: int
    reported: int
    small: Place
    large: Place
    places: tuple[Place, ...]
    gap: Paired
    recovered: Recovered
    half: float | None
    recommended: Recommended
    curve: Line
    oracle: Line
    random: Line | None = None
    margin: float | None = None


def concluded(
    task: SweptTask,
    metric: SweptMetric,
    *,
    measure: Measure | None = None,
    margin: float | None = None,
    seed: int = 0,
) -> Conclusion:
    """Conclude from one metric of a task. `measure` is what the curve counts work in, None: the first that is there;
    `margin` (0..1, on the scale of the score) what the rule may lose, None where the metric is no share.

    Raises ValueError for a measure that was not counted, and where no document has a weight.
    """
    counted = measure or task.measures[0]
    if counted not in task.measures:
        raise ValueError(f"{counted} were not counted: there are {', '.join(task.measures)}")
    choosing = halves(task.doc_hashes, seed)
    split = not choosing.all()
    judged = margin if split else None
    reported = _Documents(task, metric, counted, ~choosing if split else choosing)
    curve, asked = reported.curve, [place + 1 for place in sorted(task.asked)]
    recommended = Recommended(None)
    if judged is not None:
        recommended = _recommended(_Documents(task, metric, counted, choosing).curve, asked, judged)
    return Conclusion(
        task=task.task,
        metric=metric.metric,
        filter=metric.filter,
        higher_is_better=metric.higher_is_better,
        measure=counted,
        chosen=len({each for each, mine in zip(task.doc_hashes, choosing, strict=True) if mine}) if split else 0,
        reported=curve.scores.shape[-1],
        small=reported.place(0, judged),
        large=reported.place(len(curve.thresholds) - 1, None),
        places=tuple(reported.place(row, judged) for row in asked),
        gap=reported.scale.difference(curve.difference),
        recovered=curve.recovered(),
        half=curve.share_for(0.5),
        recommended=recommended,
        curve=reported.line(curve.shares, curve.means),
        oracle=reported.line(*curve.oracle()),
        random=None if reported.random is None else reported.line(curve.shares, reported.random),
        margin=judged,
    )


def _recommended(curve: Curve, asked: Sequence[int], margin: float) -> Recommended:
    """Choose among both ends and the thresholds that were asked for, which are at the rows `asked` of the curve."""
    last = len(curve.thresholds) - 1
    good = [row for row in (0, *asked, last) if curve.means[row] >= curve.means[-1] - margin - 1e-12]
    best = min(good, key=lambda row: float(curve.shares[row]))
    if best in (0, last):
        return Recommended(None, "large" if best else "small")
    return Recommended(asked.index(best))


@dataclass(frozen=True)
class _Scale:
    """Turns numbers of which greater is better into those of a metric."""

    higher_is_better: bool

    def turned(self, values: Floats) -> Floats:
        return values if self.higher_is_better else 1 - values  # both on 0..1 where the metric is

    def difference(self, found: Paired) -> Paired:
        if self.higher_is_better:
            return found
        interval = None if found.interval is None else found.interval.mirrored()
        return Paired(found.n, 1 - found.first, 1 - found.second, -found.value, interval)

    def mean(self, found: Estimate) -> Estimate:
        if self.higher_is_better or found.value is None:
            return found
        low, high = (None if end is None else 1 - end for end in (found.high, found.low))
        return Estimate(1 - found.value, found.n, found.groups, found.stderr, low, high)


class _Documents:
    """One metric of those documents of a task that `kept` says, documents of one content together. Rows are the small
    model alone, each threshold, and the large model alone."""

    def __init__(self, task: SweptTask, metric: SweptMetric, measure: Measure, kept: NDArray[np.bool_]) -> None:
        weights = np.array(metric.weights or np.ones(len(task.doc_ids)), np.float64)
        self._kept = kept & (weights > 0)
        if not self._kept.any():
            raise ValueError(f"no document of {one_line(task.task, 60)} counts")
        self._thresholds = task.thresholds
        self._same = np.unique(np.array(task.doc_hashes)[self._kept], return_inverse=True)[1]
        self._weights = weights[self._kept]
        sizes: Floats = np.bincount(self._same, self._weights).astype(np.float64)
        self.scale = _Scale(metric.higher_is_better)
        thresholds = np.array([np.inf, *(each.value for each in task.thresholds), -np.inf])
        scores = self._mean_of((metric.small, *metric.scores, metric.large), sizes)
        alike = bool(np.all(sizes == sizes[0]))
        self._curves = {
            each: Curve(thresholds, scores, self._large(task, each), None if alike else sizes, metric.bounded)
            for each in task.measures
        }
        self.curve = self._curves[measure]
        self._flops = self._of_both(task)
        self.random: Floats | None = None
        if metric.random:
            drawn = self._mean_of((metric.small, *metric.random, metric.large), sizes)
            self.random = drawn @ sizes / sizes.sum()

    def place(self, row: int, margin: float | None) -> Place:
        curve, one = self.curve, self.curve.scores[row]
        against = paired(curve.scores[-1], one, curve.weights, bounded=curve.bounded)
        judged = (
            None if margin is None else verdict(one, curve.scores[-1], margin, curve.weights, bounded=curve.bounded)
        )
        inner = 0 < row < len(self._thresholds) + 1
        means = self.scale.turned(
            np.append(curve.line([curve.shares[row]]), [] if self.random is None else self.random[row])
        )
        return Place(
            self._thresholds[row - 1] if inner else None,
            {each: of.work_at(row) for each, of in self._curves.items()},
            None if self._flops is None else float(self._flops[row]),
            self.scale.mean(curve.score_at(row)),
            self.scale.difference(against),
            judged,
            *means.tolist(),
        )

    def line(self, shares: ArrayLike, scores: ArrayLike) -> Line:
        """Return a line on the metric's own scale, by growing shares."""
        x, y = np.minimum(np.asarray(shares, np.float64), 1.0), self.scale.turned(np.asarray(scores, np.float64))
        order = np.argsort(x, kind="stable")
        return Line(tuple(x[order].tolist()), tuple(y[order].tolist()))

    def _mean_of(self, rows: Sequence[Sequence[float]], sizes: Floats) -> Floats:
        """The mean score of documents of one content, greater is better: [rows, contents]."""
        values = self.scale.turned(np.array(rows, np.float64)[:, self._kept])
        return self._sums(values * self._weights) / sizes

    def _large(self, task: SweptTask, measure: Measure) -> Floats:
        nothing, alone = np.zeros(len(task.doc_ids)), task.large_alone[measure]
        return self._sums(np.array([nothing, *(each[measure] for each in task.large), alone])[:, self._kept])

    def _of_both(self, task: SweptTask) -> Floats | None:
        """What both models do at each row, by what the large one does alone, in FLOPs; None where that is not known."""
        if "flops" not in self._curves or "flops" not in task.small_alone:
            return None
        large = self._curves["flops"].work.sum(-1)
        small = [
            task.small_alone["flops"],
            *(each["flops"] for each in task.small or [task.small_alone] * len(task.large)),
        ]
        own = np.append(np.array(small)[:, self._kept].sum(-1), 0.0)
        found: Floats = (large + own) / large[-1]
        return found

    def _sums(self, values: Floats) -> Floats:
        """Sums over documents of one content: [rows, contents]."""
        return np.stack([np.bincount(self._same, row) for row in values])
