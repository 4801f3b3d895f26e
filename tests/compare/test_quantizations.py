"""Several quantisations of one model against their parent: the ratio of perplexities by hand, corrected together."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.differing_answers import differing_answers
from benchtui.compare.quantizations import (
    Quantizations,
    Weights,
    compare_quantizations,
    perplexity_ratio,
    task_changes,
)
from benchtui.compare.records import Comparison
from benchtui.reports.quantizations import plain_quantizations, quantizations_json
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
    assert found.p is not None
    assert found.p < 1e-6
    assert perplexity_ratio(read[0], read[0], "acc") is None
    few = perplexity_ratio(read[0][:40], read[1][:40], "word_perplexity")
    assert few is not None
    assert few.interval is not None
    assert 1 < few.interval.low < few.value < few.interval.high
    assert perplexity_ratio(read[0][:5], read[1][:5], "word_perplexity").interval is None  # type: ignore[union-attr]


def compared(tmp_path: Path, name: str, broken: int) -> Comparison:
    values = [[True] * 100, [n >= broken for n in range(100)]]
    sides = [
        read_run(write_run(tmp_path / name / place, {"ifeval": ifeval(side)}))
        for place, side in zip(("parent", name), values, strict=True)
    ]
    return compare_runs(*sides)


def test_all_are_corrected_together(tmp_path: Path) -> None:
    """Six of six lost answers are p = 0.03 alone, and nothing among three."""
    alone = task_changes({"a": compared(tmp_path, "a", 6)}, 1)["a"]
    assert [(change.p, change.worse) for change in alone] == [(pytest.approx(2 / 2**6), True)]
    three = task_changes({name: compared(tmp_path, name, 6) for name in "bcd"}, 3)
    assert [change.p for changes in three.values() for change in changes] == [pytest.approx(6 / 2**6)] * 3
    assert not any(change.worse for changes in three.values() for change in changes)


def quantized(tmp_path: Path, *files: tuple[str, int, int], missing: tuple[str, ...] = ()) -> Quantizations:
    """Compare files (name, broken answers, bytes) with a parent that has every answer right."""
    parent = read_run(write_run(tmp_path / "parent", {"ifeval": ifeval([True] * 200)}))
    others = []
    for name, broken, size in files:
        answers = ["another" if n < broken else "an answer" for n in range(200)]
        task = ifeval([n >= broken for n in range(200)], answers=answers)
        others.append(
            (Weights(name, f"m.{name}.gguf", size, 4.5), read_run(write_run(tmp_path / name, {"ifeval": task})))
        )
    return compare_quantizations((Weights("F16", "m.F16.gguf", 1600, 16.0), parent), others, parent, missing)


def test_the_smallest_that_is_not_shown_to_be_worse(tmp_path: Path) -> None:
    found = quantized(tmp_path, ("Q8_0", 0, 800), ("Q4_K_M", 2, 500), ("Q2_K", 20, 300))
    assert found.tests == 3
    assert [each.worse for each in found.found] == [False, False, True]
    assert found.smallest is not None
    assert found.smallest.weights.label == "Q4_K_M"
    assert [each.answers.other_texts for each in found.found] == [0, 2, 20]
    assert found.noise is not None
    assert (found.noise.other_texts, found.noise.texts) == (0, 200)
    # Clopper-Pearson's upper end for 2 lost of 200 at 5 % / 3, nothing gained.
    assert found.smallest.excluded == pytest.approx(0.040, abs=0.006)
    words = " ".join(plain_quantizations(found).split())
    assert "Smallest file not shown to be worse than F16: Q4_K_M" in words
    assert "does not mean equal: only losses over" in words
    assert "F16 asked twice differs in 0 of 200 texts" in words
    assert max(map(len, plain_quantizations(found).splitlines())) <= 80
    document = json.loads(quantizations_json(found))
    assert document["smallest_not_shown_worse"] == "Q4_K_M"
    assert [each["tasks"][0]["shown_worse"] for each in document["quantizations"]] == [False, False, True]


def test_where_all_are_worse_none_is_named(tmp_path: Path) -> None:
    found = quantized(tmp_path, ("Q8_0", 60, 800))
    assert found.smallest is None
    assert "is shown to be worse than F16" in plain_quantizations(found)


def test_a_file_that_was_not_evaluated_counts_in_the_correction(tmp_path: Path) -> None:
    alone, one_of_three = (
        quantized(tmp_path / str(len(missing)), ("Q8_0", 6, 800), missing=missing) for missing in ((), ("Q4_0", "Q2_K"))
    )
    assert [each.found[0].worse for each in (alone, one_of_three)] == [True, False]
    assert one_of_three.tests == 3
    said = " ".join(plain_quantizations(one_of_three).split())
    assert "Smallest file of those evaluated that is not shown to be worse than F16: Q8_0" in said
    assert "Q4_0 left no results and is not in the table" in said


def test_texts_are_counted_where_the_metric_has_no_number_for_a_sample(tmp_path: Path) -> None:
    """BLEU is computed over the whole corpus: lm-eval logs (reference, answer) for a sample."""
    runs = {}
    for name, broken in (("F16", 0), ("Q8_0", 0), ("Q4_0", 7)):
        answers = ["another" if n < broken else "an answer" for n in range(40)]
        bleu = Task({("bleu", "none"): [0.0] * 40}, answers=answers, scores={"bleu,none": 30.0 - broken})
        folder = write_run(tmp_path / name, {"translation": bleu})
        (file,) = (folder / "lm-eval").glob("samples_*")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        logged = [{**line, "bleu": ["the target", line["resps"][0][0]]} for line in lines]
        file.write_text("".join(json.dumps(line) + "\n" for line in logged))
        runs[name] = Weights(name, f"m.{name}.gguf", 900, 8.0), read_run(folder)
    found = compare_quantizations(runs["F16"], [runs["Q8_0"], runs["Q4_0"]], runs["F16"][1])
    counted = {each.weights.label: (each.answers.other_texts, each.answers.texts) for each in found.found}
    assert counted == {"Q8_0": (0, 40), "Q4_0": (7, 40)}
    assert found.noise is not None
    assert (found.noise.other_texts, found.noise.texts) == (0, 40)
    words = " ".join(plain_quantizations(found).split())
    assert "7 of 40" in words
    assert "These samples can show nothing" in words
    assert json.loads(quantizations_json(found))["quantizations"][1]["answers"]["other_texts"] == 7


def test_a_sample_whose_score_is_no_number_is_counted(tmp_path: Path) -> None:
    sides = []
    for name, values, answers in (("a", [1.0, 0.0, 1.0], "xyz"), ("b", [1.0, math.nan, 1.0], "x?z")):
        task = Task({("acc", "none"): values}, answers=list(answers), scores={"acc,none": 0.5})
        sides.append(read_run(write_run(tmp_path / name, {"task": task})))
    found = differing_answers(compare_runs(*sides))
    assert (found.other_texts, found.texts) == (1, 3)
