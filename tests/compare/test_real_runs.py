"""On lm-eval's own files: scores recomputed from samples are lm-eval's, for tasks, filters and groups."""

from __future__ import annotations

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.leaves import SampleSource, scored_terms
from benchtui.compare.flipped import flipped_samples
from benchtui.compare.records import Comparison, Row
from benchtui.results.read import read_run
from tests.lm_eval_runs import RealRuns


@pytest.fixture(scope="module")
def comparison(real_runs: RealRuns) -> Comparison:
    return compare_runs(read_run(real_runs.first), read_run(real_runs.second))


def row(comparison: Comparison, task: str, metric: str, filter_name: str = "none") -> Row:
    return next(r for r in comparison.rows if (r.task, r.metric, r.filter) == (task, metric, filter_name))


def test_every_score_is_reproduced_from_its_samples(real_runs: RealRuns) -> None:
    for folder in (real_runs.first, real_runs.second):
        results = read_run(folder)
        source = SampleSource(results)
        leaves = [score for score in results.scores if results.group(score.task) is None]
        assert len(leaves) > 15
        for score in leaves:
            scored = scored_terms(results, score, source.read(score.task))
            assert scored is not None, score
            assert float(scored.aggregation.combine(scored.terms.sum(axis=0))) == pytest.approx(score.value, rel=1e-9)


@pytest.mark.parametrize("group", ["school", "plainschool"])
def test_group_scores_are_lm_evals(comparison: Comparison, group: str) -> None:
    """By size and plain: lm-eval's file does not say which, the numbers do."""
    found = row(comparison, group, "acc")
    assert found.difference is not None
    for results, recomputed in (
        (comparison.first, found.difference.first),
        (comparison.second, found.difference.second),
    ):
        score = results.score(group, "acc", "none")
        assert score is not None
        assert recomputed == pytest.approx(score.value, abs=1e-12)
    assert found.pairing.matched == 28


def test_a_weighted_and_a_plain_mean_of_the_same_tasks_differ(comparison: Comparison) -> None:
    assert row(comparison, "school", "acc").change != pytest.approx(row(comparison, "plainschool", "acc").change)


def test_both_filters_and_all_four_instruction_metrics_are_compared(comparison: Comparison) -> None:
    said = [r.filter for r in comparison.rows if r.task == "say"]
    assert said == ["strict-match", "flexible-extract"]
    assert [r.metric for r in comparison.rows if r.task == "obey"] == [
        "prompt_level_strict_acc",
        "inst_level_strict_acc",
        "prompt_level_loose_acc",
        "inst_level_loose_acc",
    ]


def test_instructions_are_tested_with_their_prompts_as_units(comparison: Comparison) -> None:
    found = row(comparison, "obey", "inst_level_strict_acc").difference
    assert found is not None
    assert (found.n, found.clusters) == (12, 12)
    assert found.method != "exact McNemar"
    assert found.first == pytest.approx(row(comparison, "obey", "inst_level_strict_acc").first.value)


def test_a_lower_perplexity_is_an_improvement(comparison: Comparison) -> None:
    found = row(comparison, "pages", "word_perplexity")
    assert not found.higher_is_better
    assert found.change < 0
    assert found.improved is True
    assert not found.is_share


def test_parts_of_a_group_are_shown_by_the_groups_metric(comparison: Comparison) -> None:
    parts = [r for r in comparison.rows if r.level == "part" and r.task.startswith("school_")]
    assert [(r.title, r.metric) for r in parts] == [("alpha", "acc"), ("beta", "acc"), ("gamma", "acc")]


def test_the_same_run_twice_has_no_difference(real_runs: RealRuns) -> None:
    results = read_run(real_runs.first)
    same = compare_runs(results, results)
    assert same.settings == ()
    for found in same.rows:
        assert found.difference is not None
        assert found.difference.value == 0
        assert found.difference.p == 1
        assert found.pairing.unpaired_share == 0


def test_flipped_samples_are_the_ones_that_were_counted(comparison: Comparison) -> None:
    found = row(comparison, "school", "acc")
    assert found.difference is not None
    assert found.difference.flips is not None
    flips = flipped_samples(comparison, found, limit=1000)
    counted = found.difference.flips
    assert sum(f.fixed for f in flips) == counted.fixed
    assert sum(not f.fixed for f in flips) == counted.broken
    for flip in flips:
        right, wrong = (
            (flip.second.answer, flip.first.answer) if flip.fixed else (flip.first.answer, flip.second.answer)
        )
        assert right == flip.second.target != wrong
        assert flip.second.prompt
