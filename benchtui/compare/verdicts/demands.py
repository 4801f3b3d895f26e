"""The gate's demands on a task, and whether a row's samples show one, refute it, or do neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchtui.compare.differences.difference import MCNEMAR, chance_of_no_less, chance_of_no_more, interval_at
from benchtui.compare.records import Row
from benchtui.evidence.matched_pairs import fewest_unchanged
from benchtui.evidence.records import Interval
from benchtui.points import point_words


@dataclass(frozen=True)
class Demand:
    """That the true gain is at least `limit` ("gain"; "loss": minus the loss allowed), or at most `limit` either way
    ("difference"). In points; for a metric that is no share in percent of the first run's score."""

    kind: Literal["loss", "gain", "difference"]
    limit: float

    @property
    def ways(self) -> int:
        """In how many ways it can fail: a difference also by a gain."""
        return 2 if self.kind == "difference" else 1

    def words(self, *, is_share: bool) -> str:
        """ "loss of at most 3 points"."""
        size = point_words(abs(self.limit)) if is_share else f"{abs(self.limit):g} %"
        if self.kind == "gain" and self.limit < 0:
            size = f"−{size}"
        return f"{self.kind} of at {'least' if self.kind == 'gain' else 'most'} {size}"


def shown_and_refuted(row: Row, demand: Demand, alpha: float, corrected: float) -> tuple[bool, bool]:
    """Return whether the demand is shown at `alpha`, and whether its opposite is shown at `corrected`, both one-sided.
    The ways in which it can fail share `corrected` among them; to be met, each must be excluded at `alpha` itself (two
    one-sided tests, D. Schuirmann 1987). For a task that was decided early both use its own level, which is corrected
    over the tasks that could stop early."""
    if row.early is not None:
        low, high = sorted(end * scale(row) for end in row.early.ends)
        if demand.kind == "difference":
            return -demand.limit <= low and high <= demand.limit, low > demand.limit or high < -demand.limit
        return low >= demand.limit, high < demand.limit
    if row.is_share:
        met, failed = _chances(row, demand, 1 / abs(scale(row)))
        return met < alpha, failed < corrected / demand.ways
    base = row.first.interval
    if base is None or base.low <= 0 <= base.high:
        return False, False  # percent of a score that may be nothing
    # The score that the percent are of is uncertain too: half of the error goes to that, and the limit is taken at both
    # ends of its interval.
    both = [_chances(row, demand, abs(end) / 100) for end in (base.low, base.high)]
    met, failed = (max(of_end[which] for of_end in both) for which in (0, 1))
    return met < alpha / 2, failed < corrected / demand.ways / 2


def _chances(row: Row, demand: Demand, unit: float) -> tuple[float, float]:
    """Compute one-sided p-values, small where the demand is shown and where it is refuted; one unit of its limit is
    `unit` on the score's scale."""
    above, below = _gain_chances(row, demand.limit * unit)
    if demand.kind != "difference":
        return above, below
    above_lower, below_lower = _gain_chances(row, -demand.limit * unit)
    return max(above_lower, below), min(above, below_lower)


def _gain_chances(row: Row, least: float) -> tuple[float, float]:
    """Compute one-sided p-values, small where a gain of at least `least` (on the score's scale) is shown, and
    refuted."""
    assert row.difference is not None  # noqa: S101 - the gate looks first
    if row.higher_is_better:
        return chance_of_no_more(row.difference, least), chance_of_no_less(row.difference, least)
    return chance_of_no_less(row.difference, -least), chance_of_no_more(row.difference, -least)


def why_neither(row: Row, demand: Demand, alpha: float, tests: int) -> str:
    """Return what keeps a demand from being decided, where the figures beside it do not show it; `tests` demands are
    checked together."""
    if row.early is not None:
        return _only_of_these(row, demand)
    if any(shown_and_refuted(row, demand, alpha, demand.ways * alpha)):
        shared = [f"{tests} demands are checked together"] if tests > 1 else []
        shared += ["a difference may be a gain or a loss"] if demand.ways > 1 else []
        level = 100 * alpha / tests / demand.ways
        return f"since {' and '.join(shared)}, each is refuted at {level:.2g} % only"
    if not row.is_share:
        return "the score that the percent are of is itself uncertain"
    return _too_few(row, demand, alpha)


def _only_of_these(row: Row, demand: Demand) -> str:
    """Say that a difference is small enough on the task's own samples, which a run that stops early may stop for; the
    gate asks about others of their kind."""
    early = row.early
    if early is None or demand.kind != "difference":
        return ""
    within = -demand.limit <= abs(scale(row)) * early.low and abs(scale(row)) * early.high <= demand.limit
    return f"shown of these {early.total:,} samples only, not of others of their kind" if within else ""


def _too_few(row: Row, demand: Demand, alpha: float) -> str:
    """Return how many right-or-wrong samples would be needed to meet the demand if none of them changed, where there
    are fewer. A gain, or no loss at all, is not shown by any number of these."""
    found, size = row.difference, abs(demand.limit)
    spared = demand.kind == "difference" or demand.limit < 0
    if not spared or not 0 < size < 100 or found is None or found.method != MCNEMAR:
        return ""
    least = fewest_unchanged(size / 100, alpha)
    if found.n >= least:
        return ""
    asked = Demand(demand.kind if demand.kind != "gain" else "loss", demand.limit).words(is_share=True)
    return f"at least {least:,} samples are needed to show a {asked} where no answer changes"


def scale(row: Row) -> float:
    """Return the factor from the score's scale to points, or to percent of the first score; negative where less is
    better."""
    size = 100.0 if row.is_share else 100 / abs(row.first.value) if row.first.value else 1.0
    return size if row.higher_is_better else -size


def gain_of(row: Row) -> float:
    """Return the measured gain, in points or percent."""
    value = row.early.difference if row.early else row.difference.value if row.difference else 0.0
    return value * scale(row)


def gain_bounds(row: Row, alpha: float) -> Interval | None:
    """Return both one-sided bounds of the gain at `alpha`: the two-sided interval at twice that."""
    found = row.difference
    if row.early is not None:
        interval: Interval | None = Interval(*row.early.ends)
    else:
        interval = interval_at(found, 2 * alpha) if found is not None else None
    if interval is None:
        return None
    ends = sorted((interval.low * scale(row), interval.high * scale(row)))
    return Interval(ends[0], ends[1])
