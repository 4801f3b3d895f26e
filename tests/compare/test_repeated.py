"""What is asked more than once counts once: equal documents, and tasks that ask the same questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.differences.repeated import parallel, repeated
from benchtui.compare.records import Row
from benchtui.compare.verdicts.verdicts import judge
from benchtui.results.read import read_run
from tests.compare.test_verdicts import flipped
from tests.synthetic import Task, write_run

BY_NAME = {each.name: each for each in AGGREGATIONS}


def row(folder: Path, sides: Sequence[dict[str, Task]], task: str, **settings: Any) -> Row:
    runs = [read_run(write_run(folder / name, made, **settings)) for name, made in zip("ab", sides, strict=True)]
    return next(row for row in compare_runs(*runs).rows if row.task == task)


def tasks(names: Sequence[str], sides: tuple[Sequence[bool], Sequence[bool]], **settings: Any) -> list[dict[str, Task]]:
    return [{name: Task({("acc", "none"): list(side)}, **settings) for name in names} for side in sides]


def test_ten_copies_of_six_questions_are_six(tmp_path: Path) -> None:
    """Two of six questions were learnt; each stands there ten times."""
    documents = [f"q{i % 6}" for i in range(60)]
    base, tuned = [False] * 60, [i % 6 < 2 for i in range(60)]
    found = row(tmp_path / "copies", tasks(["t"], (base, tuned), documents=documents), "t").difference
    assert found is not None
    assert (found.n, found.clusters) == (60, 6)
    assert found.p > 0.3
    alone = row(tmp_path / "alone", tasks(["t"], (base, tuned)), "t").difference
    assert alone is not None
    assert alone.p < 0.001


def test_a_copy_in_a_hundred_changes_nothing(tmp_path: Path) -> None:
    sides = flipped(30, 10, 400, 200)
    n = len(sides[0])
    found = row(tmp_path, tasks(["t"], sides, documents=["q0", *(f"q{i}" for i in range(n - 1))]), "t").difference
    assert found is not None
    assert found.method == "exact McNemar"


def test_a_set_in_several_languages_has_as_many_questions_as_one(tmp_path: Path) -> None:
    """A change that all eleven share is one, not eleven."""
    names = [f"sums_{number}" for number in range(11)]
    base, tuned = flipped(12, 8, 100, 40)
    targets = [str(number) for number in range(len(base))]
    found = row(tmp_path, tasks(names, (base, tuned), targets=targets), "sums", groups={"sums": names})
    assert found.difference is not None
    single = row(tmp_path / "single", tasks(names[:1], (base, tuned)), names[0])
    assert single.difference is not None
    assert found.difference.clusters == len(base)
    assert found.difference.value == pytest.approx(single.difference.value)
    assert found.difference.p > single.difference.p / 2
    assert found.verdict is not None
    assert not found.verdict.kind.is_gain


def test_unrelated_tasks_of_one_size_are_no_copies() -> None:
    rng = np.random.default_rng(4)
    choices = [[str(answer) for answer in rng.integers(4, size=100)] for _ in range(5)]
    assert not parallel(choices)
    assert parallel([choices[0]] * 3)
    assert not parallel([["yes"] * 95 + ["no"] * 5] * 3), "they agree as nearly all have one answer"
    assert not parallel([choices[0]])
    assert repeated(["a", "b", "c"]) is None


def own_data(folder: Path, right: Sequence[bool], *, copies: int, prompt: str = "") -> Path:
    """A run over people's own data, every row of which stands there so many times, each with its own id and place."""
    values = [value for value in right for _ in range(copies)]
    names = [f"row {i}" for i in range(len(values))]
    config = {
        "dataset_path": "parquet",
        "output_type": "multiple_choice",
        "metric_list": [{"metric": "exact_match", "aggregation": "mean"}],
    }
    made = {"own": Task({("exact_match", "none"): values}, documents=names)}
    write_run(folder, made, settings={"configs": {"own": config}})
    (file,) = folder.rglob("samples_*")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for i, line in enumerate(lines):
        row = i // copies
        line["doc"] = {
            "id": str(i), "place": f"line {i + 1}", "system": "", "prompt": prompt or f"question {row}", "target": "",
            "targets": [], "choices": [f"a {row}", f"b {row}"], "letters": [], "gold": 0, "scoring": "{}",
        }  # fmt: skip
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_rows_of_ones_own_that_stand_there_twice_count_once(tmp_path: Path) -> None:
    sides = flipped(30, 12, 40, 20)
    found = {}
    for copies in (1, 2):
        folders = [
            own_data(tmp_path / f"{name}{copies}", side, copies=copies) for name, side in zip("ab", sides, strict=True)
        ]
        found[copies] = compare_runs(*map(read_run, folders)).headlines[0].difference
    once, twice = found[1], found[2]
    assert once is not None
    assert twice is not None
    assert once.interval is not None
    assert twice.interval is not None
    assert (twice.n, twice.clusters) == (2 * once.n, once.n)
    assert twice.value == pytest.approx(once.value)
    assert twice.interval.low == pytest.approx(once.interval.low, abs=0.02)
    assert twice.interval.high == pytest.approx(once.interval.high, abs=0.02)


def test_one_prompt_with_other_choices_is_another_question(tmp_path: Path) -> None:
    sides = flipped(30, 12, 40, 20)
    folders = [
        own_data(tmp_path / name, side, copies=1, prompt="Which is right?")
        for name, side in zip("ab", sides, strict=True)
    ]
    found = compare_runs(*map(read_run, folders)).headlines[0].difference
    assert found is not None
    assert found.method == "exact McNemar"


@pytest.mark.parametrize("name", ["bleu", "perplexity", "f1"])
def test_scores_that_are_no_mean_draw_questions(name: str) -> None:
    rng = np.random.default_rng(3)
    sides = [summands(name, rng) for _ in range(2)]
    once = difference(PairedTerms(BY_NAME[name], *sides))
    copies = [np.repeat(side, 2, axis=0) for side in sides]
    same = np.repeat(np.arange(len(sides[0])), 2)
    twice, apart = (difference(PairedTerms(BY_NAME[name], *copies, same=each)) for each in (same, None))
    assert once.interval is not None
    assert twice.interval is not None
    assert apart.interval is not None
    assert twice.value == pytest.approx(once.value, rel=1e-6, abs=1e-9)
    assert twice.interval.low == pytest.approx(once.interval.low, rel=1e-6)
    assert twice.interval.high == pytest.approx(once.interval.high, rel=1e-6)
    width = once.interval.high - once.interval.low
    assert apart.interval.high - apart.interval.low < 0.85 * width, "as if copies were new questions"


def summands(name: str, rng: np.random.Generator, n: int = 400) -> np.ndarray:
    if name == "perplexity":
        return np.stack([-rng.uniform(1, 2, n), np.ones(n)], axis=1)
    if name == "f1":
        return np.eye(4)[rng.integers(4, size=n)]
    totals = rng.integers(8, 20, n)[:, None] - np.arange(4)
    return (
        np.concatenate([rng.binomial(totals, [0.6, 0.4, 0.3, 0.2]), totals, totals[:, :1], totals[:, :1]], axis=1) * 1.0
    )


def test_too_few_questions_are_told_as_such() -> None:
    sides = [np.repeat(summands("bleu", np.random.default_rng(seed), 40), 2, axis=0) for seed in (1, 2)]
    found = difference(PairedTerms(BY_NAME["bleu"], *sides, same=np.repeat(np.arange(40), 2)))
    sentence = judge(found, higher_is_better=True, is_share=False).sentence
    assert sentence == "No evidence: 40 different samples are too few to see by drawing them anew; it takes 50."
