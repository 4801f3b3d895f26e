"""Corrects the p-values of several tests so that any error among them is as rare as the error of a single test."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], most_true: int | None = None, *, tests: int | None = None) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given: those of some of `tests`, of which all others have
    p = 1; by default these are all.

    `most_true` is how many of the null hypotheses can be true at the same time, where that is fewer than all (J.
    Shaffer, Modified sequentially rejective multiple test procedures, 1986).
    """
    tests = len(p_values) if tests is None else tests
    adjusted = [0.0] * len(p_values)
    most, highest = tests if most_true is None else most_true, 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, min(most, tests - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
