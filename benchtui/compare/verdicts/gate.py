"""The gate for CI: whether every loss is small enough and the wanted gain is there, or the data cannot show it."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence

import msgspec

from benchtui.compare.differences.populations import about, population
from benchtui.compare.health import health_notes
from benchtui.compare.records import Comparison, Kind, Row
from benchtui.compare.titles import title_of
from benchtui.compare.verdicts.demands import Demand, gain_bounds, gain_of, shown_and_refuted, why_neither
from benchtui.compare.wording import points
from benchtui.evidence.matched_pairs import fewest
from benchtui.evidence.records import ALPHA, FINAL_ALPHA, Interval
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import AskedTask
from benchtui.settings.rows import MAX_LOSS


class Outcome(enum.StrEnum):
    MET = "met"
    NOT_MET = "not met"
    INCONCLUSIVE = "inconclusive"


class Check(msgspec.Struct, frozen=True):
    """One demand on one task: "loss" or "gain" of at least `limit` (minus the loss allowed), "difference" of at most
    `limit` either way. `low` and `high` are the one-sided 95 % bounds of the gain (a loss is negative), in
    percentage points; for a metric that is no share in percent of the first run's score. None where nothing was paired.
    99 % bounds for a run that might have stopped early and did not. `population` says what they are about.
    """

    task: str
    title: str
    demand: str
    limit: float
    outcome: Outcome
    gain: float | None
    low: float | None
    high: float | None
    reason: str
    population: str = ""


class Gate(msgspec.Struct, frozen=True):
    """Met when every check is, not met when one is certainly not.

    `differences` name in words what the runs differ in besides the model; `lacking` the tasks that could not be checked
    because a run has no result for them; `health` is what to know of the models and their answers; `about` says what
    the bounds are about, "" without any.
    """

    outcome: Outcome
    reason: str
    checks: tuple[Check, ...]
    differences: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    about: str = ""


def gate(
    comparison: Comparison,
    *,
    max_loss: float = MAX_LOSS,
    same_within: float | None = None,
    min_gain: float | None = None,
    gain_tasks: Sequence[str] = (),
    asked: Sequence[AskedTask] = (),
) -> Gate:
    """Check every task of `comparison` for a loss over `max_loss` points, or with `same_within` for a difference over
    that either way, which includes the loss; and `gain_tasks` for a gain of `min_gain`.
    A task of `asked` that a run has no result for keeps the gate from being met: nobody knows what was lost there.

    A demand is met when the data show it (one-sided 5 %; all must be shown, so that many tasks do not make it easier),
    not met when they show its opposite (5 % over all checks together, so that many tasks do not fail a gate by chance),
    and inconclusive otherwise. A run that might have stopped early spent four of the 5 % on its looks: what it could
    not decide then is checked at the last one. Tests and bounds are those of the comparison's own rows.
    """
    alpha = FINAL_ALPHA if comparison.watched else ALPHA
    of_all = Demand("loss", -max_loss) if same_within is None else Demand("difference", same_within)
    wanted = [(row, of_all) for row in comparison.headlines]
    if min_gain is not None:
        wanted += [(row, Demand("gain", min_gain)) for row in comparison.headlines if row.task in gain_tasks]
    checks = tuple(_check(row, demand, alpha, len(wanted)) for row, demand in wanted)
    lacking, differences = tuple(_lacking(comparison, asked)), _differences(comparison)
    outcome = _overall(checks)
    if outcome is Outcome.MET and (lacking or not checks):
        outcome = Outcome.INCONCLUSIVE
    reasons = [check.reason for check in checks if check.outcome is outcome]
    if outcome is Outcome.INCONCLUSIVE:
        reasons += lacking or ([] if checks else ["the two runs have no task in common"])
    health = tuple(health_notes(comparison))
    reason = f"{_WORDS[outcome]}: {'; '.join(reasons)}{_but(outcome, differences)}."
    reason += "".join(f" {words}." for words in health)
    bounds = about("Bounds", ((check.population, check.title) for check in checks if check.low is not None))
    return Gate(outcome, reason, checks, differences, lacking, health, bounds)


def asked_tasks(comparison: Comparison, plan: BenchmarkPlan | None) -> tuple[AskedTask, ...]:
    """Return what the second run was to answer, by its `plan`: a reused base may hold more. Without a plan, every task
    that either run has."""
    if plan is not None:
        return tuple(AskedTask(task.name, plan.leaves.get(task.name, ())) for task in plan.tasks)
    names = dict.fromkeys((*comparison.first.top_level, *comparison.second.top_level))
    return tuple(AskedTask(name) for name in names)


def _about(row: Row) -> str:
    """Return what a check's bounds are about. For a task decided early they hold for its samples and for others of
    their kind, except in results of older versions, which kept only the first."""
    if row.early is None:
        return row.population
    if row.early.elsewhere is None:
        return population(row.tasks, row.early)
    return population(row.tasks, None)


def _lacking(comparison: Comparison, asked: Sequence[AskedTask]) -> Iterator[str]:
    sides = (comparison.first, comparison.first_name), (comparison.second, comparison.second_name)
    compared = {row.task for row in comparison.rows}
    for task in asked:
        if not task.within(compared):
            names = [name for run, name in sides if not task.within({score.task for score in run.scores})]
            where = f"no result in the {' and the '.join(names)} run" if names else "no score that both runs have"
            title = title_of(task.name, comparison.first)
            yield f"{title} ({task.name}) has {where}" if title != task.name else f"{title} has {where}"


def _differences(comparison: Comparison) -> tuple[str, ...]:
    """Return everything that could explain a gain or a loss instead of the model."""
    of_tasks = [
        f"{row.title} {words}"
        for row in comparison.headlines
        for words in row.notes
        if not (row.early and words.startswith("samples"))  # its own sentence gives the number of samples
    ]
    return tuple(dict.fromkeys((*comparison.settings, *of_tasks)))


def _but(outcome: Outcome, differences: Sequence[str]) -> str:
    if not differences:
        return ""
    return f"; {'but ' if outcome is Outcome.MET else ''}the runs also differ in {'; '.join(differences)}"


_WORDS = {Outcome.MET: "Gate met", Outcome.NOT_MET: "Gate not met", Outcome.INCONCLUSIVE: "Inconclusive"}


def _overall(checks: Sequence[Check]) -> Outcome:
    for outcome in (Outcome.NOT_MET, Outcome.INCONCLUSIVE):
        if any(check.outcome is outcome for check in checks):
            return outcome
    return Outcome.MET


def _check(row: Row, demand: Demand, alpha: float, tests: int) -> Check:
    """Check one demand on one row together with the others: `tests` in all."""
    why = _cannot_tell(row)
    if why:
        return _made(row, demand, Outcome.INCONCLUSIVE, None, why)
    bounds = gain_bounds(row, alpha)
    if bounds is None:
        return _made(row, demand, Outcome.INCONCLUSIVE, None, "no interval could be made")
    shown, refuted = shown_and_refuted(row, demand, alpha, alpha / tests)
    outcome = Outcome.MET if shown else Outcome.NOT_MET if refuted else Outcome.INCONCLUSIVE
    why = why_neither(row, demand, alpha, tests) if outcome is Outcome.INCONCLUSIVE else ""
    return _made(row, demand, outcome, bounds, why, row.early.alpha if row.early is not None else alpha)


def _cannot_tell(row: Row) -> str:
    if not math.isfinite(row.first.value) or not math.isfinite(row.second.value):
        return "a score is not a number"
    if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
        return "not comparable"
    if row.early is not None:  # it remains valid even if the base changed later
        return "" if row.early.n else "no samples"
    if row.first.partial or row.second.partial:
        return "partial results"
    if row.difference is None:
        return "nothing could be paired"
    few = row.difference.clusters < fewest(row.difference.alpha)
    return f"{row.difference.n} samples show nothing" if few else ""


def _made(row: Row, demand: Demand, outcome: Outcome, bounds: Interval | None, why: str, alpha: float = ALPHA) -> Check:
    if bounds is None:
        reason = f"{row.title}: {why}"
        return Check(row.task, row.title, demand.kind, demand.limit, outcome, None, None, None, reason, _about(row))
    gain = gain_of(row)
    ends = f"between {points(bounds.low / 100)} and {points(bounds.high / 100)}"
    figures = f"{points(gain / 100)}, {ends} (each bound {100 * (1 - alpha):.3g} % sure)"
    state = {Outcome.MET: "shown", Outcome.NOT_MET: "refuted", Outcome.INCONCLUSIVE: "neither shown nor refuted"}
    asked = demand.words(is_share=row.is_share)
    reason = f"{row.title} {figures}: {asked} {state[outcome]}{', ' if why else ''}{why}"
    return Check(
        row.task, row.title, demand.kind, demand.limit, outcome, gain, bounds.low, bounds.high, reason, _about(row)
    )
