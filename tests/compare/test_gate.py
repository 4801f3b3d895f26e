"""The gate says yes and no only where the data do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison
from benchtui.compare.verdicts.gate import Outcome, asked_tasks, gate
from benchtui.results.read import read_run
from benchtui.results.records import AskedTask
from tests.compare.test_verdicts import flipped
from tests.synthetic import Task, ifeval, write_run


def compared(folder: Path, *, watched: bool = False, **tasks: tuple[list[bool], list[bool]]) -> Comparison:
    blocks = [None, {"plan": {"backend": "hf", "decide early": 2.0}, "decide_early": {}} if watched else None]
    runs = [
        read_run(
            write_run(
                folder / name,
                {task: Task({("acc", "none"): sides[i]}, total=len(sides[i])) for task, sides in tasks.items()},
                block=blocks[i],
            )
        )
        for i, name in enumerate("ab")
    ]
    return compare_runs(runs[0], runs[1])


def test_a_model_that_lost_nothing_passes(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, t=flipped(40, 38, 1000, 922)), max_loss=3)
    assert found.outcome is Outcome.MET
    assert found.reason.startswith("Gate met: t +0.1, between")
    assert "(each bound 95 % sure)" in found.reason
    assert found.reason.endswith("loss of at most 3 points shown.")


def test_a_certain_loss_fails(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, t=flipped(20, 190, 900, 890)), max_loss=3)
    assert found.outcome is Outcome.NOT_MET
    assert "refuted" in found.reason


def test_few_samples_are_inconclusive_either_way(tmp_path: Path) -> None:
    for number, sides in enumerate((flipped(0, 4, 10, 10), flipped(1, 0, 10, 10), flipped(0, 5, 0, 0))):
        assert gate(compared(tmp_path / str(number), t=sides), max_loss=3).outcome is Outcome.INCONCLUSIVE


def test_one_failing_task_fails_the_gate_whatever_the_others(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, good=flipped(200, 20, 900, 880), bad=flipped(20, 200, 900, 880)), max_loss=3)
    assert found.outcome is Outcome.NOT_MET
    assert "bad" in found.reason
    assert "good" not in found.reason


def test_bounds_are_as_sure_as_they_say_also_where_nothing_moved(tmp_path: Path) -> None:
    """No document of 100 changed: with 95 % confidence fewer than 1 - 0.05^(1/100) of all would, one-sided at 5 % and
    at 1 %."""
    same = [0.25] * 100, [0.25] * 100
    for watched, alpha in ((False, 0.05), (True, 0.01)):
        (check,) = gate(compared(tmp_path / str(alpha), watched=watched, t=same), max_loss=3).checks  # type: ignore[arg-type]
        assert check.high == -check.low == pytest.approx(100 * (1 - alpha**0.01))


def test_a_wanted_gain_must_be_shown(tmp_path: Path) -> None:
    sides = compared(tmp_path, t=flipped(90, 30, 900, 980))
    assert gate(sides, max_loss=3, min_gain=0, gain_tasks=["t"]).outcome is Outcome.MET
    assert gate(sides, max_loss=3, min_gain=3, gain_tasks=["t"]).outcome is Outcome.INCONCLUSIVE
    assert gate(sides, max_loss=3, min_gain=8, gain_tasks=["t"]).outcome is Outcome.NOT_MET


def test_a_run_that_might_have_stopped_is_checked_more_strictly(tmp_path: Path) -> None:
    """The same samples, on either side of each demand: five per cent show it, the one that is left does not."""
    cases: tuple[tuple[tuple[list[bool], list[bool]], float, float | None, Outcome], ...] = (
        (flipped(40, 40, 1000, 220), 1.3, None, Outcome.MET),
        (flipped(30, 50, 1000, 220), 0.0, None, Outcome.NOT_MET),
        (flipped(50, 30, 1000, 220), 3.0, 0.0, Outcome.MET),
    )
    for number, (sides, loss, gain, outcome) in enumerate(cases):
        plain = compared(tmp_path / f"plain {number}", t=sides)
        watched = compared(tmp_path / f"watched {number}", t=sides, watched=True)
        assert gate(plain, max_loss=loss, min_gain=gain, gain_tasks=["t"]).outcome is outcome
        assert gate(watched, max_loss=loss, min_gain=gain, gain_tasks=["t"]).outcome is Outcome.INCONCLUSIVE


def test_partial_results_decide_nothing(tmp_path: Path) -> None:
    right = [i % 2 == 0 for i in range(2000)]
    block = {"partial": True, "documents": {"ifeval": {"done": 2000, "total": 2001}}}
    first = read_run(write_run(tmp_path / "a", {"ifeval": ifeval(right)}))
    second = read_run(write_run(tmp_path / "b", {"ifeval": ifeval(right)}, block=block))
    found = gate(compare_runs(first, second), max_loss=3)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "partial" in found.reason


def test_runs_without_a_common_task_decide_nothing(tmp_path: Path) -> None:
    first = read_run(write_run(tmp_path / "a", {"x": Task({("acc", "none"): [True]})}))
    second = read_run(write_run(tmp_path / "b", {"y": Task({("acc", "none"): [True]})}))
    found = gate(compare_runs(first, second), max_loss=3)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == "Inconclusive: the two runs have no task in common."


def test_a_task_whose_scores_have_other_names_in_the_two_runs_is_not_met(tmp_path: Path) -> None:
    right = [i % 2 == 0 for i in range(2000)]
    runs = [
        read_run(write_run(tmp_path / name, {"x": ifeval(right, total=2000), "y": Task({(metric, "none"): right})}))
        for name, metric in (("a", "acc"), ("b", "exact_match"))
    ]
    comparison = compare_runs(runs[0], runs[1])
    assert gate(comparison, max_loss=3).outcome is Outcome.MET
    found = gate(comparison, max_loss=3, asked=asked_tasks(comparison, None))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == "Inconclusive: y has no score that both runs have."


def test_a_certain_loss_is_not_made_uncertain_by_a_missing_task(tmp_path: Path) -> None:
    comparison = compared(tmp_path, t=flipped(20, 190, 900, 890))
    assert gate(comparison, max_loss=3, asked=[AskedTask("gsm8k")]).outcome is Outcome.NOT_MET


def test_several_demands_say_why_one_that_looks_refuted_is_not(tmp_path: Path) -> None:
    tasks = {f"t{number}": flipped(2, 18 if number == 0 else 2, 100, 80) for number in range(10)}
    found = gate(compared(tmp_path, **tasks), max_loss=3)
    (check,) = [check for check in found.checks if check.task == "t0"]
    assert check.outcome is Outcome.INCONCLUSIVE
    assert "10 demands are checked together, each is refuted at 0.5 % only" in check.reason


@pytest.mark.parametrize("seed", range(3))
def test_percent_of_an_uncertain_score_are_met_seldom_at_the_limit(tmp_path: Path, seed: int) -> None:
    """A loss of 3 % of a true score of 20; what is measured as the base's own score lies around that."""
    rng = np.random.default_rng(seed)
    met = 0
    for number in range(15):
        base = rng.exponential(20, 300)
        tuned = base - 0.6 + rng.normal(0, 0.5, 300)
        sides = [
            read_run(write_run(tmp_path / f"{number}{name}", {"t": Task({("bleu", "none"): list(map(float, side))})}))
            for name, side in (("a", base), ("b", tuned))
        ]
        met += gate(compare_runs(*sides), max_loss=3).outcome is Outcome.MET
    assert met <= 3


def test_percent_of_nothing_decide_nothing(tmp_path: Path) -> None:
    sides = [
        read_run(write_run(tmp_path / name, {"t": Task({("bleu", "none"): [float(v) for v in values]})}))
        for name, values in (("a", [-1.0, 1.0] * 150), ("b", [-1.2, 0.9] * 150))
    ]
    assert gate(compare_runs(*sides), max_loss=3).outcome is Outcome.INCONCLUSIVE
