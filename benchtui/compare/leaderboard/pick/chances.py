"""One-sided p-values of losses over a margin, from the row of two runs."""

from __future__ import annotations

import math

import msgspec

from benchtui.compare.differences.difference import chance_of_no_less, chance_of_no_more, interval_at
from benchtui.compare.records import Kind, Row
from benchtui.evidence.matched_pairs import fewest
from benchtui.evidence.records import PRICE_OF_LOOKS


class Loss(msgspec.Struct, frozen=True):
    """What the samples of two runs say of a loss of one of them against the other over a margin.

    `excluded` is the p-value of "it lost at least the margin": small where that is excluded. `shown` is the p-value of
    "it lost no more than the margin": small where it lost more. Both are 1 where nothing can be shown, for which `why`
    is the reason. `change` is its score minus the other's, `largest` the largest loss that is not excluded at the level
    asked for, None where every one is possible.
    """

    excluded: float = 1.0
    shown: float = 1.0
    change: float | None = None
    largest: float | None = None
    why: str = ""


def loss_of(row: Row, margin: float, level: float, *, of_second: bool, watched: bool) -> Loss:
    """Test a loss over `margin` (on the score's scale) of the second run against the first, or of the first against the
    second, and find the largest one that is possible at `level`, one-sided. `watched` as in `Comparison`: looks taken
    before have their price."""
    if why := why_untold(row):
        return Loss(why=why)
    found = row.tested
    assert found is not None  # noqa: S101 - `why_untold` looked
    price = PRICE_OF_LOOKS if watched else 1.0
    if row.higher_is_better is of_second:
        excluded, shown = chance_of_no_more(found, -margin), chance_of_no_less(found, -margin)
    else:
        excluded, shown = chance_of_no_less(found, margin), chance_of_no_more(found, margin)
    change = row.change if of_second else 0.0 - row.change  # 0.0 - 0.0 is not -0.0
    interval = interval_at(found, 2 * level / price)
    largest = None
    if interval is not None:
        largest = max(0.0, -interval.low if row.higher_is_better is of_second else interval.high)
    return Loss(min(1.0, price * excluded), min(1.0, price * shown), change, largest)


def why_untold(row: Row) -> str:
    """Return why nothing can be said about the difference of two runs, "" where something can."""
    if not math.isfinite(row.first.value) or not math.isfinite(row.second.value):
        return "a score is not a number"
    if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
        return row.verdict.sentence
    if row.early is not None or row.stopped:
        return "it stopped early, which decides about one difference only"
    if row.first.partial or row.second.partial:
        return "partial results"
    if row.tested is None:
        return "nothing could be paired"
    few = row.tested.clusters < fewest(row.tested.alpha)
    return f"{row.tested.n} samples show nothing" if few else ""
