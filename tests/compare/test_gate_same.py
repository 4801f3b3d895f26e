"""The gate that asks for no change: met and failed by gains as by losses, and wrong as seldom as it says."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison
from benchtui.compare.verdicts.demands import Demand, shown_and_refuted
from benchtui.compare.verdicts.gate import Outcome, gate
from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.records import Flips
from benchtui.results.read import read_run
from tests.compare.test_gate import compared
from tests.compare.test_missing import lost
from tests.compare.test_verdicts import flipped
from tests.evidence.enumeration import chance_of_sameness, discordances
from tests.evidence.simulation_family import NO_CHANGE, row_of
from tests.synthetic import Task, write_run

N = 60


@functools.cache
def decided(limit: float, tests: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Of every table of N samples, [fixed, broken], whether the demand is shown and whether it is refuted."""
    row = row_of(NO_CHANGE)
    assert row.difference is not None
    found = np.zeros((2, N + 1, N + 1), dtype=bool)
    for fixed in range(N + 1):
        for broken in range(N + 1 - fixed):
            table = msgspec.structs.replace(
                row.difference,
                n=N,
                clusters=N,
                value=(fixed - broken) / N,
                p=mcnemar(fixed, broken),
                flips=Flips(fixed, broken, N - fixed - broken, 0),
            )
            asked = msgspec.structs.replace(row, difference=table)
            found[:, fixed, broken] = shown_and_refuted(asked, Demand("difference", limit), 0.05, 0.05 / tests)
    return found[0], found[1]


def chance(of: npt.NDArray[np.bool_], truth: float, changing: float) -> float:
    """Of a true difference where a share `changing` changes side: the chance of all those tables together."""
    from scipy.stats import multinomial

    shares = [(changing + truth) / 2, (changing - truth) / 2, 1 - changing]
    places = np.argwhere(of)
    counts = np.column_stack([places, N - places.sum(axis=1)])
    return float(multinomial.pmf(counts, N, np.clip(shares, 0, 1)).sum()) if len(counts) else 0.0


@pytest.mark.parametrize("limit", [6.0, 10.0, 20.0])
def test_of_a_difference_at_the_limit_the_gate_is_met_in_one_case_in_twenty_at_most(limit: float) -> None:
    met, _ = decided(limit, 1)
    for truth in (limit / 100, -limit / 100):
        worst = max(chance(met, truth, float(pi)) for pi in discordances(truth, 60))
        assert 0.02 < worst <= 0.05
    for truth, pi in ((limit / 100, 0.25), (0.0, 0.1)):
        assert chance_of_sameness(N, limit / 100, 0.05, pi, truth) == pytest.approx(chance(met, truth, pi), abs=1e-9)
    assert chance(met, 0.0, 0.01) > 0.5


@pytest.mark.parametrize("tests", [1, 4])
@pytest.mark.parametrize("limit", [0.1, 2.0, 10.0])
def test_a_difference_that_is_allowed_fails_the_gate_in_one_case_in_twenty_at_most(limit: float, tests: int) -> None:
    """Of a tiny limit a gain and a loss fail it alike, so that the two share the error."""
    _, refuted = decided(limit, tests)
    worst = 0.0
    for truth in (-limit / 100, 0.0, limit / 100):
        worst = max(worst, *(chance(refuted, truth, float(pi)) for pi in discordances(truth, 60)))
    assert 0.1 * 0.05 / tests < worst <= 0.05 / tests


@pytest.mark.parametrize("sides", [flipped(3, 3, 500, 500), flipped(90, 20, 500, 500), flipped(50, 45, 200, 200)])
def test_the_order_of_the_runs_does_not_matter(tmp_path: Path, sides: tuple[list[bool], list[bool]]) -> None:
    one = gate(compared(tmp_path / "one", t=sides), same_within=3)
    other = gate(compared(tmp_path / "other", t=(sides[1], sides[0])), same_within=3)
    assert one.outcome is other.outcome
    assert (one.checks[0].low, one.checks[0].high) == pytest.approx((-other.checks[0].high, -other.checks[0].low))  # type: ignore[operator]


def test_every_task_must_be_the_same_and_a_gain_fails(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, same=flipped(3, 3, 500, 500), better=flipped(90, 20, 500, 500)), same_within=3)
    assert found.outcome is Outcome.NOT_MET
    assert found.reason.startswith("Gate not met: better +6.3, between")
    assert found.reason.endswith("difference of at most 3 points refuted.")


def test_what_one_way_would_refute_and_both_do_not_is_explained(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, t=flipped(15, 5, 60, 20)), same_within=1)
    (check,) = found.checks
    assert check.low is not None
    assert check.low > 1
    assert check.outcome is Outcome.INCONCLUSIVE
    assert "since a difference may be a gain or a loss, each is refuted at 2.5 % only" in check.reason


def test_too_few_samples_say_how_many_it_takes(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, t=flipped(0, 0, 30, 28)), same_within=5)
    assert "at least 59 samples are needed to show a difference of at most 5 points" in found.reason
    assert gate(compared(tmp_path / "59", t=flipped(0, 0, 30, 29)), same_within=5).outcome is Outcome.MET


def test_a_watched_run_must_show_it_at_what_its_looks_left(tmp_path: Path) -> None:
    sides = flipped(40, 40, 1000, 220)
    assert gate(compared(tmp_path / "plain", t=sides), same_within=1.3).outcome is Outcome.MET
    assert gate(compared(tmp_path / "watched", t=sides, watched=True), same_within=1.3).outcome is Outcome.INCONCLUSIVE


def test_missing_samples_keep_it_from_being_shown(tmp_path: Path) -> None:
    first, second = flipped(2, 2, 800, 196)
    for gone, outcome in (([], Outcome.MET), ([*range(100, 130)], Outcome.INCONCLUSIVE)):
        places = [tmp_path / str(len(gone)) / name for name in ("base", "tuned")]
        runs = []
        for place, (task, block) in zip(places, (lost(first, []), lost(second, gone)), strict=True):
            runs.append(read_run(write_run(place, {"t": task}, block=block)))
        assert gate(compare_runs(*runs), same_within=2).outcome is outcome


def in_points(folder: Path, metric: str, first: list[float], second: list[float]) -> Comparison:
    runs: list[Any] = []
    for name, values in (("a", first), ("b", second)):
        runs.append(read_run(write_run(folder / name, {"t": Task({(metric, "none"): values})})))
    return compare_runs(*runs)


def test_of_a_score_without_a_scale_it_is_percent_of_the_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(20, 2, 400)
    for times, outcome in ((1.001, Outcome.MET), (1.2, Outcome.NOT_MET), (0.8, Outcome.NOT_MET)):
        tuned = base * times + rng.normal(0, 0.3, 400)
        found = gate(in_points(tmp_path / str(times), "bleu", [*map(float, base)], [*map(float, tuned)]), same_within=3)
        assert found.outcome is outcome
        assert "difference of at most 3 %" in found.reason
