"""What is kept as a wrong answer of a sample: only what a metric of right and wrong called wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.documents import PairedDocuments
from benchtui.results.read import read_run
from screens.compare.kept_row import kept_row
from tests.synthetic import Task, write_run


def wrong(folder: Path, first: float, second: float, metric: str = "exact_match", **settings: Any) -> tuple[str, ...]:
    """The wrong answers kept of the first of ten samples, which scored `first` and `second`."""
    drawn = settings.pop("drawn", {})
    runs = []
    for name, value in (("a", first), ("b", second)):
        task = Task({(metric, "none"): [value, *[0.0, 1.0] * 5]}, answers=[f"{name} said"] * 11, **settings)
        write_run(folder / name, {"t": task})
        if name in drawn:
            (file,) = folder.glob(f"{name}/lm-eval/samples_*")
            head, *rest = file.read_text().splitlines()
            texts = [f"{name}{i}" for i in range(len(drawn[name]))]
            line = {**json.loads(head), "resps": [texts], "repeats": {metric: drawn[name]}}
            file.write_text("\n".join([json.dumps(line), *rest]) + "\n")
        runs.append(read_run(folder / name))
    comparison = compare_runs(*runs)
    row = comparison.headlines[0]
    paired = PairedDocuments(*runs, row)
    document = paired.documents[0]
    return kept_row(comparison, row, document, paired.read(document), "right").wrong


def test_what_scored_zero_is_wrong(tmp_path: Path) -> None:
    assert wrong(tmp_path / "fixed", 0.0, 1.0) == ("a said",)
    assert wrong(tmp_path / "both", 0.0, 0.0) == ("a said", "b said")
    assert wrong(tmp_path / "none", 1.0, 1.0) == ()


@pytest.mark.parametrize("scores", [(0.9, 1.0), (0.9, 0.0), (0.3, 0.5)])
def test_a_share_of_right_words_is_not_wrong(tmp_path: Path, scores: tuple[float, float]) -> None:
    assert wrong(tmp_path, *scores, metric="f1") == ()


def test_the_less_the_better_says_nothing_of_wrong(tmp_path: Path) -> None:
    assert wrong(tmp_path / "less", 0.0, 1.0, metric="contains_not", higher_is_better=False) == ()
    assert wrong(tmp_path / "error", 0.0, 1.0, metric="wer", higher_is_better=False) == ()


def test_of_several_answers_those_that_were_wrong(tmp_path: Path) -> None:
    assert wrong(tmp_path, 0.5, 1.0, drawn={"a": [0.0, 1.0], "b": [1.0, 1.0]}) == ("a0",)
