"""Several quantisations of one model against their parent: the ratio of perplexities by hand, corrected together."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.quantizations import perplexity_ratio, shown_worse, smallest_not_worse
from benchtui.compare.records import Comparison
from benchtui.results.read import read_run
from tests.synthetic import Task, ifeval, write_run


def test_the_ratio_is_that_of_the_two_perplexities(tmp_path: Path) -> None:
    words = [10 + n % 7 for n in range(200)]
    parent = [[-3.0 * w - n % 3, w] for n, w in enumerate(words)]
    quantised = [[value - 0.05 * w - (n % 5) / 10, w] for n, (value, w) in enumerate(parent)]
    read = []
    for place, values in (("parent", parent), ("q", quantised)):
        task = Task({("word_perplexity", "none"): values}, higher_is_better=False, scores={"word_perplexity,none": 9.0})
        read.append(SampleSource(read_run(write_run(tmp_path / place, {"wiki": task}))).read("wiki"))
    found = perplexity_ratio(read[0], read[1], "word_perplexity")
    by_hand = [math.exp(-sum(value for value, _ in values) / sum(words)) for values in (parent, quantised)]
    assert found is not None
    assert found.value == pytest.approx(by_hand[1] / by_hand[0], rel=1e-12)
    assert found.interval is not None
    assert 1 < found.interval.low < found.value < found.interval.high < 1.1
    assert perplexity_ratio(read[0], read[0], "acc") is None


def compared(tmp_path: Path, name: str, broken: int, weights: int) -> Comparison:
    values = [[True] * 100, [n >= broken for n in range(100)]]
    sides = []
    for place, side in zip(("parent", name), values, strict=True):
        block = {"speed": {"weights": weights}}
        sides.append(read_run(write_run(tmp_path / name / place, {"ifeval": ifeval(side)}, block=block)))
    return compare_runs(*sides)


def test_the_smallest_that_is_not_shown_to_be_worse(tmp_path: Path) -> None:
    found = {
        "Q8_0": compared(tmp_path, "Q8_0", 0, 800),
        "Q4_K_M": compared(tmp_path, "Q4_K_M", 2, 500),
        "Q2_K": compared(tmp_path, "Q2_K", 20, 300),
    }
    worse = shown_worse(found)
    assert worse["Q2_K"] == pytest.approx(3 * 2 / 2**20, rel=0.01)
    assert worse["Q4_K_M"] == worse["Q8_0"] == 1
    assert smallest_not_worse(found) == "Q4_K_M"


def test_all_are_corrected_together(tmp_path: Path) -> None:
    """Six of six lost answers are p = 0.03 alone, and nothing among three."""
    alone = {"a": compared(tmp_path, "a", 6, 500)}
    assert shown_worse(alone)["a"] == pytest.approx(2 / 2**6, rel=0.01)
    assert smallest_not_worse(alone) is None
    three = {name: compared(tmp_path, name, 6, 500 + n) for n, name in enumerate("bcd")}
    assert list(shown_worse(three).values()) == [pytest.approx(6 / 2**6, rel=0.01)] * 3
    assert smallest_not_worse(three) == "b"
