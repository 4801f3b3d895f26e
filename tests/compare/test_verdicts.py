"""Verdicts in words: the bands where the data support them, and nothing where they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison, Difference, Kind
from benchtui.compare.verdicts.verdicts import band, judge
from benchtui.evidence.records import Interval
from benchtui.reports.wording.verdicts import verdict_cell
from benchtui.results.read import read_run
from tests.synthetic import Task, ifeval, write_run


def compare(folder: Path, first: dict[str, Task], second: dict[str, Task]) -> Comparison:
    return compare_runs(
        read_run(write_run(folder / "base", first)), read_run(write_run(folder / "fine-tuned" / "a", second))
    )


def flipped(fixed: int, broken: int, right: int, wrong: int) -> tuple[list[bool], list[bool]]:
    first = [False] * fixed + [True] * broken + [True] * right + [False] * wrong
    return first, [True] * fixed + [False] * broken + [True] * right + [False] * wrong


def test_two_of_five_against_three_of_five_is_no_evidence(tmp_path: Path) -> None:
    """The example of the requirements, which it prints as an improvement of 50 %."""
    first, second = flipped(1, 0, 2, 2)
    found = compare(tmp_path, {"ifeval": ifeval(first)}, {"ifeval": ifeval(second)})
    row = found.headlines[0]
    assert (row.first.value, row.second.value) == (0.4, 0.6)
    assert row.relative == pytest.approx(50)
    assert row.difference is not None
    assert row.difference.p == 1.0
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE
    assert "No evidence: 5 samples cannot show a difference of any size" in row.verdict.sentence
    assert found.sentence == ("No evidence of a difference: 5 samples a task can never show a difference.")


def test_not_even_five_of_five_is_evidence(tmp_path: Path) -> None:
    first, second = flipped(5, 0, 0, 0)
    found = compare(tmp_path, {"ifeval": ifeval(first)}, {"ifeval": ifeval(second)})
    assert found.headlines[0].verdict is not None
    assert "p would be 0.062" in found.headlines[0].verdict.sentence


@pytest.mark.parametrize(
    ("points", "kind"),
    [
        (10.0, Kind.EXCELLENT),
        (9.96, Kind.EXCELLENT),  # shown as +10.0
        (9.94, Kind.GOOD),
        (5.0, Kind.GOOD),
        (4.94, Kind.MARGINAL),
        (2.0, Kind.MARGINAL),
        (1.94, Kind.WEAK),
        (-2.9, Kind.ACCEPTABLE_LOSS),
        (-2.94, Kind.ACCEPTABLE_LOSS),
        (-2.96, Kind.LOSS),
        (-3.0, Kind.LOSS),
        (-3.1, Kind.LOSS),
        (-5.04, Kind.LOSS),
        (-5.1, Kind.FORGETTING),
    ],
)
def test_bands_are_the_seeds(points: float, kind: Kind) -> None:
    assert band(points) is kind


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("samples", [True, False])
def test_a_perfect_score_is_not_a_certain_one(tmp_path: Path, right: bool, samples: bool) -> None:
    """No document varies, so lm-eval's standard error is zero; 400 documents still say nothing about the 401st."""
    runs = [
        read_run(write_run(tmp_path / s, {"t": Task({("acc", "none"): [right] * 400})}, samples=samples)) for s in "ab"
    ]
    side = compare_runs(*runs).headlines[0].first
    assert side.stderr == 0
    assert side.interval is not None
    low, high = side.interval.low, side.interval.high
    assert (low, high) == pytest.approx((1 - 0.00951, 1.0) if right else (0.0, 0.00951), abs=1e-4)


def test_a_gain_is_named_with_what_the_interval_allows(tmp_path: Path) -> None:
    first, second = flipped(90, 30, 250, 171)
    found = compare(tmp_path, {"ifeval": ifeval(first)}, {"ifeval": ifeval(second)})
    verdict = found.headlines[0].verdict
    assert verdict is not None
    assert (verdict.kind, verdict.likely) == (Kind.GOOD, Kind.EXCELLENT)
    assert verdict.sentence == ("At least good (most likely excellent): +11.1 points (95 % CI 7.0 to 15.2, p < 0.001).")
    assert verdict_cell(found.headlines[0]) == "▲ ≥ good"
    assert found.sentence.startswith(
        "The fine-tuned model is better at Instruction-Following +11.1 (95 % CI 7.0 to 15.2). Significant at 5 %."
    )


@pytest.mark.parametrize(
    ("fixed", "broken", "start", "end", "tone"),
    [
        (
            10,
            29,
            "At least an acceptable loss (most likely loss): −3.5",
            "for possible catastrophic forgetting.",
            "loss",
        ),
        (10, 46, "At least a loss (most likely possible catastrophic forgetting): −6.7", "", "forgetting"),
        (0, 100, "Possible catastrophic forgetting: −18.5", "", "forgetting"),
    ],
)
def test_a_loss_says_how_bad_it_is_at_least_and_how_bad_it_may_be(
    tmp_path: Path, fixed: int, broken: int, start: str, end: str, tone: str
) -> None:
    first, second = flipped(fixed, broken, 250, 291 - fixed - broken)
    found = compare(tmp_path, {"ifeval": ifeval(first)}, {"ifeval": ifeval(second)})
    verdict = found.headlines[0].verdict
    assert verdict is not None
    assert verdict.sentence.startswith(start)
    assert end in verdict.sentence
    assert tone in verdict.tone.value
    assert ("possible catastrophic forgetting" in found.sentence) == (tone == "forgetting")


def test_what_was_gained_and_what_it_cost_is_one_sentence(tmp_path: Path) -> None:
    gain, loss, even = flipped(90, 30, 250, 171), flipped(20, 120, 700, 479), flipped(50, 45, 400, 505)
    tasks = [
        {
            "ifeval": ifeval(gain[i]),
            "gsm8k": Task({("exact_match", "strict-match"): [float(v) for v in loss[i]]}),
            "hellaswag": Task({("acc", "none"): even[i], ("acc_norm", "none"): even[i]}),
        }
        for i in (0, 1)
    ]
    found = compare(tmp_path, tasks[0], tasks[1])
    assert found.tests == 3
    assert "The fine-tuned model is better at Instruction-Following +11.1 (95 % CI 7.0 to 15.2)" in found.sentence
    assert "worse at Grade-School Maths −7.6 (95 % CI" in found.sentence
    assert "possible catastrophic forgetting" in found.sentence
    assert "inconclusive on Common Sense" in found.sentence
    assert "Significant at 5 % across all 3 tests." in found.sentence


def test_one_of_many_tests_is_corrected_for_the_others(tmp_path: Path) -> None:
    """p = 0.02 alone is called a difference; among five tasks that show nothing it is not."""
    lucky, even = flipped(30, 14, 100, 100), flipped(20, 20, 100, 104)
    alone = compare(
        tmp_path / "alone", {"t": Task({("acc", "none"): lucky[0]})}, {"t": Task({("acc", "none"): lucky[1]})}
    )
    assert alone.headlines[0].verdict is not None
    assert alone.headlines[0].verdict.kind.is_gain
    sides = [
        {"t": Task({("acc", "none"): lucky[i]}), **{f"u{k}": Task({("acc", "none"): even[i]}) for k in range(4)}}
        for i in (0, 1)
    ]
    among = compare(tmp_path / "among", sides[0], sides[1])
    row = next(r for r in among.headlines if r.task == "t")
    assert row.difference is not None
    assert row.difference.p < 0.05
    assert row.difference.p_holm == pytest.approx(5 * row.difference.p)
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE
    assert "which one of 5 tests shows too often by chance" in row.verdict.sentence


def test_what_could_have_been_seen_is_said(tmp_path: Path) -> None:
    first, second = flipped(60, 55, 200, 226)
    found = compare(tmp_path, {"ifeval": ifeval(first)}, {"ifeval": ifeval(second)})
    assert found.headlines[0].verdict is not None
    assert "too few samples: only differences above ~5.7 points would show" in found.headlines[0].verdict.sentence


def test_a_lower_perplexity_is_better_in_words(tmp_path: Path) -> None:
    likelihoods = [[-float(100 + i % 7), 20.0] for i in range(240)]
    better = [[value + 9 + i % 3, words] for i, (value, words) in enumerate(likelihoods)]

    def task(values: list[list[float]]) -> Task:
        score = 2.718281828459045 ** (-sum(v for v, _ in values) / sum(w for _, w in values))
        return Task(
            {("word_perplexity", "none"): values},
            higher_is_better=False,
            scores={"word_perplexity,none": score},
        )

    found = compare(tmp_path, {"wikitext": task(likelihoods)}, {"wikitext": task(better)})
    verdict = found.headlines[0].verdict
    assert verdict is not None
    assert verdict.kind is Kind.BETTER
    assert "points" not in verdict.sentence


differences = st.builds(
    Difference,
    n=st.integers(1, 5000),
    clusters=st.integers(1, 5000),
    first=st.just(0.5),
    second=st.just(0.5),
    value=st.floats(-1, 1),
    stderr=st.floats(0, 1),
    interval=st.none() | st.builds(lambda a, b: Interval(min(a, b), max(a, b)), st.floats(-1, 1), st.floats(-1, 1)),
    p=st.floats(0, 1),
    method=st.just("exact McNemar"),
    detectable=st.none() | st.floats(0, 1),
    p_holm=st.none() | st.floats(0, 1),
)


@given(differences, st.booleans())
def test_no_word_of_praise_or_blame_without_support(found: Difference, is_share: bool) -> None:
    verdict = judge(found, higher_is_better=True, is_share=is_share)
    unclear = found.interval is None or found.interval.low <= 0 <= found.interval.high
    if unclear or (found.p >= 0.05 and found.p_holm is None):
        assert verdict.kind is Kind.NO_DIFFERENCE
    assert verdict.sentence.endswith(".")
    assert "nan" not in verdict.sentence


def test_small_tasks_that_count_like_large_ones_are_not_drowned_by_them(tmp_path: Path) -> None:
    """Nine tasks of five documents and one of 5,000, each a tenth of the score; nothing moved in any of them."""
    sizes = {f"t{i}": 5 for i in range(9)} | {"t9": 5_000}
    tasks = {name: Task({("acc", "none"): [i % 2 == 0 for i in range(n)]}) for name, n in sizes.items()}
    mean = sum(sum(task.values["acc", "none"]) / task.n for task in tasks.values()) / len(tasks)
    runs = []
    for side in ("a", "b"):
        folder = write_run(tmp_path / side, tasks, groups={"all": list(sizes)})
        (file,) = (folder / "lm-eval").glob("results_*")
        content = json.loads(file.read_text())
        for place in ("results", "groups"):
            if "all" in content[place]:
                content[place]["all"]["acc,none"] = mean
        file.write_text(json.dumps(content))
        runs.append(read_run(folder))
    row = next(row for row in compare_runs(*runs).rows if row.task == "all")
    assert row.difference is not None
    assert row.difference.interval is not None
    # 45 samples count for nine tenths: of as many a share of 1 - 0.025 ** (1 / 45) may well change unseen
    assert row.difference.interval.high > 0.9 * (1 - 0.025 ** (1 / 45))
