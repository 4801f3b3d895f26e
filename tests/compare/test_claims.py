"""What is claimed beside better and worse: that no loss, or no difference, is larger than a margin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison, Kind
from benchtui.compare.verdicts.margins import Claim, Margins
from benchtui.evidence.matched_pairs import chance_of_no_more
from benchtui.results.read import read_run
from tests.compare.test_verdicts import flipped
from tests.evidence.simulation_claims import false_claims
from tests.synthetic import Task, early_stop, ifeval, write_run

ALIKE = flipped(20, 22, 2000, 900)
WATCHED = {"plan": {"backend": "hf", "decide early": 2.0}, "decide_early": {}, "fingerprint": "tuned-1"}


def compared(folder: Path, block: dict[str, Any] | None = None, *, up: bool = True, **tasks: Any) -> Comparison:
    runs = []
    for side, name in enumerate(("base", "tuned")):
        made = {
            task: Task({("acc", "none"): sides[side]}, total=len(sides[side]), higher_is_better=up)
            for task, sides in tasks.items()
        }
        runs.append(read_run(write_run(folder / name, made, block=block if side else None)))
    return compare_runs(*runs, margins=Margins(3.0, 2.0))


def claims(found: Comparison, task: str = "t") -> tuple[Claim, Claim]:
    row = next(row for row in found.headlines if row.task == task)
    assert len(row.claims) == 2
    return row.claims[0], row.claims[1]


def test_alike_on_many_samples_is_no_relevant_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, t=ALIKE)
    loss, difference = claims(found)
    assert loss.shown
    assert difference.shown
    assert loss.p == pytest.approx(chance_of_no_more(20, 22, 2000, -0.03))
    verdict = found.headlines[0].verdict
    assert verdict is not None
    assert verdict.kind is Kind.WITHIN
    assert verdict.sentence.startswith("No relevant difference, none over 2 points: shown (p")
    assert verdict.sentence.count("shown") == 1, "less than that is no loss over 3 points either, and it was said"


def test_on_few_samples_nothing_is_claimed(tmp_path: Path) -> None:
    found = compared(tmp_path, t=flipped(1, 1, 60, 30))
    assert not any(claim.shown for claim in claims(found))
    verdict = found.headlines[0].verdict
    assert verdict is not None
    assert verdict.kind is Kind.NO_DIFFERENCE
    assert "shown" not in verdict.sentence


def test_a_certain_loss_below_the_margin_is_worse_and_no_loss_over_it(tmp_path: Path) -> None:
    found = compared(tmp_path, t=flipped(10, 40, 4000, 1900))
    loss, difference = claims(found)
    assert loss.shown
    assert difference.shown
    verdict = found.headlines[0].verdict
    assert verdict is not None
    assert verdict.kind.is_loss
    assert "loss over 3 points: shown" in verdict.sentence


def test_of_less_is_better_a_rise_is_the_loss(tmp_path: Path) -> None:
    risen = flipped(200, 10, 2000, 500)
    for up, shown in ((True, True), (False, False)):
        assert claims(compared(tmp_path / str(up), t=risen, up=up))[0].shown is shown


def test_each_kind_is_corrected_over_all_tasks_and_for_the_looks(tmp_path: Path) -> None:
    sides = flipped(20, 30, 700, 300)
    alone, _ = claims(compared(tmp_path / "alone", t=sides))
    among, _ = claims(compared(tmp_path / "among", t=sides, u=flipped(5, 5, 60, 20), v=flipped(3, 9, 60, 20)))
    watched, _ = claims(compared(tmp_path / "watched", WATCHED, t=sides))
    assert alone.p == among.p == watched.p
    assert alone.p is not None
    assert alone.p_holm == pytest.approx(alone.p)
    assert among.p_holm == pytest.approx(3 * alone.p)
    assert watched.p_holm == pytest.approx(5 * alone.p)


def test_of_a_task_decided_early_its_interval_decides(tmp_path: Path) -> None:
    right = [i % 2 == 0 for i in range(60)]
    for low, shown in ((-0.02, True), (-0.2, False)):
        place = tmp_path / str(low)
        base = write_run(place / "base", {"ifeval": ifeval(right)}, block={"fingerprint": "base-1"})
        block = early_stop("within" if shown else "lower", low, 0.02 if shown else -0.01)
        tuned = write_run(place / "tuned", {"ifeval": ifeval(right)}, block=block)
        found = compare_runs(read_run(base), read_run(tuned), margins=Margins(3.0, 2.0))
        loss, _ = claims(found, "ifeval")
        assert (loss.shown, loss.p) == (shown, None)


@pytest.mark.parametrize("kind", ["no loss", "no difference"])
@pytest.mark.parametrize("watched", [False, True])
def test_at_the_margin_a_claim_is_rare_over_all_tasks(kind: Any, watched: bool) -> None:
    rate = false_claims(kind, 4, 1_000, np.random.default_rng(3), watched=watched)
    assert rate <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 1_000)
    assert false_claims(kind, 1, 1_000, np.random.default_rng(3), watched=False) > 0.01
