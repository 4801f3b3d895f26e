"""Differences too small to matter, and the claims about them."""

from __future__ import annotations

from typing import Literal

import msgspec

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.points import point_words
from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory
from benchtui.settings.rows import MAX_LOSS, SAME_WITHIN


class Margins(msgspec.Struct, frozen=True):
    """In percentage points: the `loss` that is acceptable, and the `difference` either way that does not matter."""

    loss: float = MAX_LOSS
    difference: float = SAME_WITHIN


def asked_margins(first: RunResults, second: RunResults) -> Margins:
    """Return what the runs were made to decide about (--decide-loss, --decide-delta), and the usual margins for the
    rest and where two runs were made for different ones."""
    early = [plan for plan in map(_plan, (first, second)) if plan is not None and plan.decide_early is not None]
    losses = {plan.decide_loss for plan in early if "loss" in plan.decide_for and plan.decide_loss > 0}
    differences = {plan.decide_early for plan in early if plan.decide_early}
    usual = Margins()
    return Margins(
        losses.pop() if len(losses) == 1 else usual.loss,
        differences.pop() if len(differences) == 1 else usual.difference,
    )


def _plan(results: RunResults) -> BenchmarkPlan | None:
    return RunDirectory(results.run).readable_plan()


class Claim(msgspec.Struct, frozen=True):
    """That the true change is no loss over `margin` points, or no difference over it either way.

    `p` is that of the one-sided test, or the larger of the two (TOST); `p_holm` corrected over the tasks for this kind
    of claim, and for the looks of a watched run. Both None for a task decided early, where the interval that is valid
    at every look shows it.
    """

    kind: Literal["no loss", "no difference"]
    margin: float
    p: float | None
    p_holm: float | None
    shown: bool

    @property
    def words(self) -> str:
        """ "no loss over 3 points"."""
        return f"{self.kind} over {point_words(self.margin)}"
