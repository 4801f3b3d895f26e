"""What is said before a run, against what the comparison and the gate say afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchtui.compare.planning import ASSUMED_CHANGE, Outlook, Prospect, outlook
from benchtui.evidence.corrections import holm
from benchtui.evidence.matched_pairs import chance_of_no_more, mcnemar
from benchtui.evidence.power import detectable_share, power_of_all, samples_needed
from benchtui.reports.outlook import answer, remarks, short_answer
from benchtui.results.changes import EarlierChanges
from benchtui.tasks.suites import SUITES, TaskPlan

CORE, FULL = (next(suite.tasks for suite in SUITES if suite.name == name) for name in ("core", "full"))


def only(name: str, found: Outlook) -> Prospect:
    return next(task for task in found.tasks if task.task == name)


def test_one_of_four_tasks_shows_less_than_a_task_alone() -> None:
    alone, four = only("ifeval", outlook(CORE[:1], 6.0)), only("ifeval", outlook(FULL, 6.0))
    assert (alone.n, four.n, only("mmlu", outlook(FULL, 6.0)).n) == (541, 541, 14_042)
    assert round(100 * (alone.detectable or 0), 1) == 5.5
    assert round(100 * (four.detectable or 0), 1) == 6.5
    assert alone.needed == samples_needed(0.06, ASSUMED_CHANGE)
    assert four.needed == samples_needed(0.06, ASSUMED_CHANGE, 0.05 / 4)
    assert (alone.enough, four.enough) == (True, False)


def test_the_power_is_how_often_holm_finds_the_gain_where_nothing_else_changed() -> None:
    """Of three tasks one has changed; the others now and then take the first place, which helps it a little."""
    found = only("ifeval", outlook(CORE, 7.0, discordance=0.25))
    rng = np.random.default_rng(5)
    shown = []
    for _ in range(3_000):
        fixed, broken, _same = rng.multinomial(541, [0.16, 0.09, 0.75])
        p = [mcnemar(int(fixed), int(broken)), *rng.random(2)]
        shown.append(holm(p)[0] < 0.05 and fixed > broken)
    assert found.power == pytest.approx(np.mean(shown), abs=0.03)


def test_the_gates_chances_are_those_of_its_tests() -> None:
    found = only("ifeval", outlook(CORE, 3.0, limit=3.0))
    rng = np.random.default_rng(8)
    for lost, chances in zip((0.0, 0.03, 0.06), found.gate, strict=True):
        drawn = rng.multinomial(541, [(0.2 - lost) / 2, (0.2 + lost) / 2, 0.8], size=1_000)
        met = np.mean([chance_of_no_more(int(f), int(b), 541, -0.03) < 0.05 for f, b, _ in drawn])
        not_met = np.mean([chance_of_no_more(int(b), int(f), 541, 0.03) < 0.05 / 3 for f, b, _ in drawn])
        assert chances.lost == pytest.approx(100 * lost)
        assert chances.met == pytest.approx(met, abs=0.05)
        assert chances.not_met == pytest.approx(not_met, abs=0.05)
        assert chances.met + chances.not_met + chances.inconclusive == pytest.approx(1)
    assert found.gate[1].met <= 0.05, "a loss of just the limit is seldom let through"
    every = outlook(CORE, 3.0, limit=3.0)
    assert every.gate_met == pytest.approx(np.prod([task.gate[0].met for task in every.tasks]))


def test_what_an_earlier_comparison_saw_is_planned_with_and_said() -> None:
    earlier = {
        "ifeval": EarlierChanges(541, 541, 53),
        "mine": EarlierChanges(80, 400, 20),
        "few": EarlierChanges(10, 50, 9),
    }
    tasks = [TaskPlan("ifeval"), TaskPlan("mine"), TaskPlan("few"), TaskPlan("unheard_of")]
    found = outlook(tasks, 5.0, earlier=earlier)
    assert only("ifeval", found).discordant == pytest.approx(54 / 543)
    assert only("ifeval", found).discordant_from == "as in the last comparison (541 samples)"
    assert only("mine", found).n == 400, "the task's own size, whatever the earlier run asked"
    assert only("few", found).discordant_from == "assumed"
    assert only("unheard_of", found).n is None
    assert only("unheard_of", found).power is None
    assert {task.discordant for task in outlook(tasks, 5.0, earlier=earlier, discordance=0.3).tasks} == {0.3}


@pytest.mark.parametrize(
    ("name", "samples", "n"),
    [
        ("gsm8k", 200, 200), ("gsm8k", 5_000, 1_319), ("gsm8k", 0.5, 660), ("mmlu", 20, 57 * 20),
        ("mmlu", 9_999, 14_042),
        ("mine", 50, 50), ("mine", 0.5, None), ("mine", None, None), ("gsm8k", float("inf"), 1_319),
    ],
)  # fmt: skip
def test_how_many_samples_a_limit_leaves(name: str, samples: float | None, n: int | None) -> None:
    assert outlook([TaskPlan(name)], 5.0, samples=samples).tasks[0].n == n


def test_a_suites_own_limit_counts() -> None:
    assert outlook([TaskPlan("gsm8k", limit=100.0)], 5.0).tasks[0].n == 100
    assert outlook([TaskPlan("gsm8k", limit=100.0)], 5.0, samples=300).tasks[0].n == 300


def test_a_gain_on_new_subjects_takes_more() -> None:
    ours = only("mmlu", outlook(FULL, 1.5))
    assert ours.new_tasks is not None
    assert ours.new_tasks.tasks == 57
    assert ours.power is not None
    assert ours.new_tasks.power < ours.power
    rng = np.random.default_rng(3)
    effects = rng.normal(0.015, 0.02, (4_000, 57))
    means = effects + rng.normal(0, np.sqrt((0.2 - 0.015**2) / (14_042 / 57)), effects.shape)
    t = means.mean(axis=1) / (means.std(axis=1, ddof=1) / np.sqrt(57))
    from scipy.stats import t as student

    assert ours.new_tasks.power == pytest.approx(np.mean(t > student.isf(0.05 / 8, 56)), abs=0.03)
    wide = outlook(FULL, 1.5, earlier={"mmlu": EarlierChanges(14_042, 14_042, 2_800, spread=0.06)})
    assert (only("mmlu", wide).new_tasks or ours.new_tasks).power < ours.new_tasks.power


def test_a_watched_run_has_its_own_levels_and_stops() -> None:
    found = outlook([TaskPlan("gsm8k", limit=300.0)], 15.0, watched=True).tasks[0]
    assert found.stopping is not None
    assert found.power == found.stopping.power
    assert found.stopping.median < 300
    assert found.detectable == detectable_share(300, 0.2, 0.01)


def test_the_answer_is_a_sentence() -> None:
    assert answer(outlook(CORE[:1], 8.0)) == (
        "Enough: a gain of 8 points on Instruction-Following would be shown at least four times in five."
    )
    assert answer(outlook(CORE[:1], 3.0)).startswith("Not enough: a gain of 3 points would be shown in 31 % of runs")
    assert answer(outlook(CORE, 3.0)).startswith(
        "Enough for Common Sense, not for Instruction-Following and Grade-School Maths: there a gain of 3 points"
    )
    assert "Add --limit N" in answer(outlook([TaskPlan("mine")], 3.0))
    assert "How many samples mine has is not known" in answer(outlook([TaskPlan("mine"), *CORE[:1]], 3.0))


def test_more_samples_are_advised_only_where_the_benchmark_has_them() -> None:
    assert any("More samples help: Grade-School Maths needs" in line for line in remarks(
        outlook([TaskPlan("gsm8k")], 5.0, samples=100)))  # fmt: skip
    told = list(remarks(outlook([TaskPlan("gsm8k")], 2.0)))
    assert any("Grade-School Maths has 1,319 in all, which is too few" in line for line in told)
    assert not any("More samples help" in line for line in told)


def test_the_short_answer_is_one_line() -> None:
    assert short_answer(outlook(FULL, 3.0)) == (
        "Can show gains from 6.5 points (Instruction-Following), 4.2 points (Grade-School Maths) and 2 more. "
        "`benchtui plan` says more."
    )
    assert short_answer(outlook([TaskPlan("ifeval", limit=5.0)], 3.0)) == "So few samples can show no gain at all."
    assert short_answer(outlook([TaskPlan("mine")], 3.0)) == ""


def test_a_leaderboard_of_many_models_shares_the_error_over_models_and_columns() -> None:
    """Ten models on four tasks and their mean: as one of fifty tests."""
    found = outlook(FULL, 5.0, models=10)
    task = only("gsm8k", found)
    assert (found.tests, found.models) == (50, 10)
    assert task.needed == samples_needed(0.05, ASSUMED_CHANGE, 0.05 / 50)
    assert task.detectable == detectable_share(1319, ASSUMED_CHANGE, 0.05 / 50)
    assert only("gsm8k", outlook(FULL[:2], 5.0)).best is None
    told = " ".join(remarks(found))
    assert "shared by 50 tests: 10 models on 5 columns, their mean among them (Holm)" in told
    assert "A leaderboard of 10 models calls one the best" in told
    alone = outlook([TaskPlan("gsm8k")], 5.0, limit=3.0, models=10)
    assert alone.tests == 10
    assert alone.tasks[0].gate == outlook([TaskPlan("gsm8k")], 5.0, limit=3.0).tasks[0].gate, "a gate is about one"
    assert "shared by 10 tests: 10 models on this task (Holm)" in " ".join(remarks(alone))


def test_the_chance_to_be_shown_best_is_that_of_normal_scores_with_one_in_common() -> None:
    """Dunnett's distribution, by scipy's multivariate normal: chances to be greater than so many others."""
    for comparisons, bound in ((3, 0.7), (10, 0.2)):
        rho = np.full((comparisons, comparisons), 0.5) + 0.5 * np.eye(comparisons)
        exact = stats.multivariate_normal(np.full(comparisons, bound), rho).cdf(np.zeros(comparisons))
        power = stats.norm.cdf(-bound)
        assert power_of_all(float(power), comparisons) == pytest.approx(exact, abs=2e-3)
    assert power_of_all(0.8, 1) == 0.8
    assert power_of_all(0.0, 5) == 0.0
    assert power_of_all(1.0, 1_000) == pytest.approx(1.0)
