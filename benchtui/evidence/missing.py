"""Handles samples that were asked and cannot be paired: a finding counts only if it holds for every score they could
have had.

Worst-case bounds (C. Manski, "Nonparametric bounds on treatment effects", American Economic Review 80, 1990): the
samples are completed once with the scores that make the difference smallest and once with those that make it largest.
Answers may be missing because they were wrong (an answer without end, a run stopped when it looked good), so nothing is
assumed about them. What holds for both completions would also be found in the complete samples, so it does not matter
that somebody chose the moment to stop by looking.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchtui.evidence.records import Floats, Interval

Terms = tuple[Floats, Floats]
"""Summands of the same documents in the first run and the second, (documents, 2) each: sum of scores between 0 and 1,
and how many."""


def completions(pairs: Terms, alone: Terms, neither: int) -> tuple[Terms, Terms]:
    """Return `pairs` with the missing scores filled in: the completion of the smallest difference, and of the largest.

    `alone` are the documents that only the first run, and only the second, has a score of; of `neither` documents no
    run has one that can be compared (one score each).
    """
    ends = []
    for second_is in (0.0, 1.0):
        unknown = np.ones((neither, 2))
        unknown[:, 0] = 1 - second_is
        first = [pairs[0], alone[0], _all(1 - second_is, alone[1]), unknown]
        other = unknown.copy()
        other[:, 0] = second_is
        second = [pairs[1], _all(second_is, alone[0]), alone[1], other]
        ends.append((np.concatenate(first), np.concatenate(second)))
    return ends[0], ends[1]


def _all(score: float, terms: Floats) -> Floats:
    """Return the same documents with this score throughout."""
    return np.stack([score * terms[:, 1], terms[:, 1]], axis=1)


def around(intervals: Sequence[Interval | None]) -> Interval | None:
    """Return the interval that contains those of all completions; None where one of them has none."""
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(intervals):
        return None
    return Interval(min(interval.low for interval in known), max(interval.high for interval in known))
