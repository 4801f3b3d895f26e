"""The gate after a run that stopped early: its own interval, valid at every look, for other samples too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison
from benchtui.compare.verdicts.gate import Outcome, gate
from benchtui.results.read import read_run
from tests.synthetic import early_stop, ifeval, write_run


def stopped(
    folder: Path,
    decision: str,
    ends: tuple[float, float],
    elsewhere: tuple[float, float] | None,
    *,
    upwards: bool = True,
) -> Comparison:
    block = early_stop(decision, *ends)
    block["decide_early"]["ifeval"] |= {"elsewhere": elsewhere, "asked": ["sign", "loss"], "max_loss": 0.03}
    if elsewhere is None:  # a file of before
        for name in ("elsewhere", "asked", "max_loss"):
            del block["decide_early"]["ifeval"][name]
    sides: list[Any] = [
        (ifeval([i % 3 == 0 for i in range(n)], higher_is_better=upwards), there)
        for n, there in ((541, {}), (60, block))
    ]
    sides[0] = (sides[0][0], {"plan": {"backend": "hf"}, "fingerprint": "base-1"})
    base, tuned = (
        read_run(write_run(folder / name, {"ifeval": task}, block=there))
        for name, (task, there) in zip(("base", "tuned"), sides, strict=True)
    )
    return compare_runs(base, tuned)


@pytest.mark.parametrize(
    ("decision", "ends", "elsewhere", "outcome"),
    [
        ("lower", (-0.2, -0.031), (-0.21, -0.0300001), Outcome.NOT_MET),
        ("lower", (-0.2, -0.04), (-0.21, -0.02), Outcome.INCONCLUSIVE),
        ("lower", (-0.025, -0.001), (-0.029, -0.0), Outcome.MET),
        ("higher", (0.0, 0.2), (0.0, 0.3), Outcome.MET),
        ("within", (-0.02, 0.02), (-0.03, 0.05), Outcome.MET),
        ("within", (-0.02, 0.02), (-0.06, 0.05), Outcome.INCONCLUSIVE),
        ("within", (-0.02, 0.02), None, Outcome.MET),
    ],
)
def test_the_gate_reads_the_interval_at_the_stop(
    tmp_path: Path, decision: str, ends: tuple[float, float], elsewhere: tuple[float, float] | None, outcome: Outcome
) -> None:
    assert gate(stopped(tmp_path, decision, ends, elsewhere), max_loss=3).outcome is outcome


@pytest.mark.parametrize(
    ("decision", "ends", "elsewhere", "outcome", "why"),
    [
        ("within", (-0.01, 0.02), (-0.02, 0.02), Outcome.MET, "shown"),
        ("within", (-0.01, 0.02), (-0.02, 0.03), Outcome.INCONCLUSIVE, "shown of these 541 samples only"),
        ("higher", (0.01, 0.2), (0.021, 0.2), Outcome.INCONCLUSIVE, "neither shown nor refuted"),
        ("higher", (0.021, 0.2), (0.021, 0.2), Outcome.NOT_MET, "refuted"),
        ("lower", (-0.2, -0.021), (-0.2, -0.021), Outcome.NOT_MET, "refuted"),
    ],
)
def test_the_same_is_asked_of_other_samples_too(
    tmp_path: Path,
    decision: str,
    ends: tuple[float, float],
    elsewhere: tuple[float, float],
    outcome: Outcome,
    why: str,
) -> None:
    for upwards in (True, False):
        found = gate(stopped(tmp_path / str(upwards), decision, ends, elsewhere, upwards=upwards), same_within=2)
        assert found.outcome is outcome
        assert why in found.reason


def test_the_verdict_says_what_became_of_the_loss(tmp_path: Path) -> None:
    found = stopped(tmp_path, "lower", (-0.2, -0.04), (-0.2, -0.04)).headlines[0].verdict
    assert found is not None
    assert found.sentence.endswith("A loss over 3 points: shown.")


def test_where_less_is_better_more_is_a_loss(tmp_path: Path) -> None:
    found = stopped(tmp_path, "higher", (0.04, 0.2), (0.04, 0.2), upwards=False)
    assert gate(found, max_loss=3).outcome is Outcome.NOT_MET
    assert found.headlines[0].verdict is not None
    assert found.headlines[0].verdict.sentence.endswith("A loss over 3 points: shown.")
