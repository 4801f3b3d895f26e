"""What benchmark.json says of the samples that changed side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.results.changes import EarlierChanges, earlier_changes


def written(model: Path, comparison: Any) -> Path:
    (model / "benchmarks").mkdir(parents=True)
    (model / "benchmarks" / "benchmark.json").write_text(json.dumps({"comparison": comparison}), encoding="utf-8")
    return model


def row(n: int, fixed: int, broken: int, level: str = "headline", **more: Any) -> dict[str, Any]:
    flips = {"fixed": fixed, "broken": broken, "both_right": 0, "both_wrong": 0}
    delta = (fixed - broken) / n
    return {"level": level, "paired_n": n, "paired_delta": delta, "flips": flips, "fine_tuned": {"total": n}} | more


def test_changes_are_those_of_the_comparison(tmp_path: Path) -> None:
    model = written(tmp_path, {"t": row(541, 30, 12), "f1": row(90, 0, 0, flips=None)})
    assert earlier_changes(model) == {"t": EarlierChanges(541, 541, 42), "f1": EarlierChanges(90, 90, None)}


@pytest.mark.parametrize("comparison", [None, [], "no", {"t": None}, {"t": {}}, {"t": {"paired_n": "x"}}])
def test_a_file_of_another_kind_says_nothing(tmp_path: Path, comparison: Any) -> None:
    assert earlier_changes(written(tmp_path, comparison)) == {}
    assert earlier_changes(tmp_path / "nothing") == {}


def test_the_spread_between_a_groups_tasks_is_found_beside_its_categories(tmp_path: Path) -> None:
    rng = np.random.default_rng(57)
    truth, n = rng.normal(0, 0.05, 57), 250
    parts = {}
    for number, effect in enumerate(truth):
        fixed, broken, _same = rng.multinomial(n, [0.1 + effect / 2, 0.1 - effect / 2, 0.8])
        parts[f"mmlu_{number}"] = row(n, int(fixed), int(broken), "part")
    categories = {f"mmlu_cat{i}": row(57 * n // 3, 900, 800, "part") for i in range(3)}
    model = written(tmp_path, {"mmlu": row(57 * n, 1_500, 1_400), **categories, **parts})
    spread = earlier_changes(model)["mmlu"].spread
    assert spread == pytest.approx(0.05, abs=0.015)
