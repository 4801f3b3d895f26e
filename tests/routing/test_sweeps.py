"""What a sweep found, its file, and what is concluded from it: on other documents than those it was chosen on."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.routing.names import AUTO_THRESHOLDS
from benchtui.routing.paired import paired
from benchtui.routing.rules import Threshold
from benchtui.routing.sweeps.choose import FEWEST_IN_A_HALF, halves, settled, with_grid
from benchtui.routing.sweeps.conclude import concluded
from benchtui.routing.sweeps.records import SWEEP, Sweep, SweptMetric, SweptTask, read_sweep, write_sweep
from benchtui.routing.thresholds import calibrates

Rows = tuple[tuple[float, ...], ...]


def hashes_of(n: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"{number:064x}" for number in range(start, start + n))


def rows(values: np.ndarray) -> Rows:
    return tuple(tuple(row) for row in values.astype(float).tolist())


def deferred(
    rng: np.random.Generator, n: int = 200, small: float = 0.4, large: float = 0.8, *, higher: bool = True
) -> SweptTask:
    """Documents of which the small model is surer where it is right."""
    right = rng.random(n) < small
    signal = np.clip(rng.random(n) * 0.6 + np.where(right, 0.0, 0.4), 0, 1)
    other = rng.random(n) < large
    if not higher:
        right, other = ~right, ~other
    hashes = hashes_of(n)
    thresholds = settled(AUTO_THRESHOLDS, signal.tolist(), hashes)
    large_takes = signal >= np.array([each.value for each in thresholds])[:, None]
    scores = np.where(large_takes, other, right)
    ones = (1.0,) * n
    return SweptTask(
        "arc_easy",
        "choices",
        tuple(range(n)),
        hashes,
        thresholds,
        tuple(range(len(thresholds))),
        {"documents": ones, "flops": (1.0,) * n},
        {"documents": ones, "flops": (5.0,) * n},
        tuple({"documents": tuple(row), "flops": tuple(5 * v for v in row)} for row in rows(large_takes)),
        (SweptMetric("acc", "none", higher, *rows(np.array([right, other])), rows(scores)),),
        likelihoods="by document",
    )


def test_numbers_are_of_the_other_half_alone() -> None:
    task = deferred(np.random.default_rng(0))
    metric = task.metrics[0]
    choosing = calibrates(task.doc_hashes)
    found = concluded(task, metric, margin=0.02)
    assert (found.chosen, found.reported) == (int(choosing.sum()), int((~choosing).sum()))
    other = ~choosing
    large, small = np.array(metric.large)[other], np.array(metric.small)[other]
    assert found.large.score.value == pytest.approx(large.mean())
    assert found.small.score.value == pytest.approx(small.mean())
    assert found.gap == paired(small, large)
    for row, place in enumerate(found.places):
        scores = np.array(metric.scores[row])[other]
        assert place.score.value == pytest.approx(scores.mean())
        assert place.difference == paired(large, scores)
        assert place.verdict is not None
        assert place.work["documents"].value == pytest.approx(np.array(task.large[row]["documents"])[other].mean())
        assert place.flops == pytest.approx(0.2 + place.work["flops"].value)
        assert place.line == pytest.approx(small.mean() + place.work["documents"].value * (large.mean() - small.mean()))


def test_what_happens_on_one_half_changes_no_choice_and_no_report_of_the_other() -> None:
    task = deferred(np.random.default_rng(1))
    metric, choosing = task.metrics[0], calibrates(task.doc_hashes)
    first = concluded(task, metric, margin=0.02)
    for half in (choosing, ~choosing):
        changed = msgspec.structs.replace(
            metric, scores=tuple(tuple(np.where(half, 0.0, row).tolist()) for row in metric.scores)
        )
        found = concluded(task, changed, margin=0.02)
        assert (found.places == first.places) == (half is choosing)
        assert (found.recommended == first.recommended) == (half is not choosing)


def test_thresholds_like_p70_are_of_the_documents_for_choosing() -> None:
    hashes, rng = hashes_of(300), np.random.default_rng(3)
    signal = rng.random(300)
    choosing = calibrates(hashes)
    (found,) = settled(["p70"], signal.tolist(), hashes)
    assert found == Threshold("p70", float(np.quantile(signal[choosing], 0.7)))
    several = settled([0.1, float("inf"), "p50", 0.9, 0.1], [[0.2, 0.8]] * 300, hashes)
    assert [each.asked for each in several] == [0.9, "p50", 0.1]
    with pytest.raises(ValueError, match="no quantile"):
        settled(["p7x"], signal.tolist(), hashes)


def test_a_curve_goes_through_all_that_changes_it_or_as_many_as_there_is_room_for() -> None:
    named = (Threshold("p90", 0.85), Threshold(0.5, 0.5))
    thresholds, places = with_grid(named, [0.5, 0.1, 0.9, 0.5])
    assert [each.value for each in thresholds] == [0.9, 0.85, 0.5, 0.1]
    assert tuple(thresholds[place] for place in places) == named
    values = np.random.default_rng(0).random(5_000)
    many, _ = with_grid(named, values, 101)
    assert len(many) == 101
    assert (many[0].value, many[-1].value) == (values.max(), values.min())
    assert set(named) <= set(many)


def test_of_few_documents_nothing_is_chosen_and_nothing_judged() -> None:
    task = deferred(np.random.default_rng(2), n=FEWEST_IN_A_HALF + 3)
    found = concluded(task, task.metrics[0], margin=0.05)
    assert (found.chosen, found.reported) == (0, FEWEST_IN_A_HALF + 3)
    assert found.recommended.place is None
    assert not found.recommended.alone
    assert all(place.verdict is None for place in (found.small, *found.places))
    assert halves(task.doc_hashes).all()


def test_models_that_tie_are_not_routed() -> None:
    rng = np.random.default_rng(5)
    task = deferred(rng, n=400, small=0.6, large=0.6)
    found = concluded(task, task.metrics[0], margin=0.10)
    assert found.recommended.alone == "small"
    assert found.recovered.value is None
    assert found.half is None


def test_where_only_the_large_model_will_do_it_is_recommended() -> None:
    task = deferred(np.random.default_rng(5), n=400, small=0.0, large=1.0)
    assert concluded(task, task.metrics[0], margin=0.01).recommended.alone == "large"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_metric_of_which_less_is_better_is_the_mirror_image(seed: int) -> None:
    up = deferred(np.random.default_rng(seed), n=60)
    down = deferred(np.random.default_rng(seed), n=60, higher=False)
    one, other = (concluded(each, each.metrics[0], margin=0.05) for each in (up, down))
    for a, b in zip((one.small, *one.places, one.large), (other.small, *other.places, other.large), strict=True):
        assert a.score.value == pytest.approx(1 - b.score.value)
        assert a.score.low == pytest.approx(1 - b.score.high)
        assert a.difference.value == pytest.approx(-b.difference.value)
        assert a.verdict == b.verdict
    assert (one.recommended, one.recovered, one.half) == (other.recommended, other.recovered, other.half)
    np.testing.assert_allclose(one.curve.scores, 1 - np.array(other.curve.scores))


def test_documents_of_one_content_are_one() -> None:
    task = deferred(np.random.default_rng(7), n=60)
    twice = msgspec.structs.replace(task, doc_hashes=tuple(task.doc_hashes[n // 2] for n in range(60)))
    found = concluded(twice, twice.metrics[0], margin=0.05)
    assert found.chosen + found.reported == 30
    assert found.large.score.groups == found.reported


def test_documents_count_by_their_weights() -> None:
    task = deferred(np.random.default_rng(9), n=100)
    weights = tuple(float(1 + number % 3) for number in range(100))
    metric = msgspec.structs.replace(task.metrics[0], weights=weights)
    found = concluded(task, metric, margin=0.05)
    other = ~calibrates(task.doc_hashes)
    kept = np.array(weights)[other]
    assert found.large.score.value == pytest.approx(np.average(np.array(metric.large)[other], weights=kept))
    assert found.places[3].difference.value == pytest.approx(
        np.average(np.array(metric.scores[3])[other] - np.array(metric.large)[other], weights=kept)
    )
    assert found.curve.scores[-1] == pytest.approx(found.large.score.value)


def test_texts_that_become_longer_cost_more_than_the_large_model_alone() -> None:
    task = deferred(np.random.default_rng(4), n=100)
    longer = msgspec.structs.replace(
        task, large=tuple({m: tuple(1.5 * v for v in row) for m, row in each.items()} for each in task.large)
    )
    found = concluded(longer, longer.metrics[0])
    assert found.places[-1].work["documents"].value > 1.2
    assert found.recovered.value is None or found.recovered.value <= 1.0
    assert max(found.curve.shares) == 1.0


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    sweep = Sweep("s", "l", "defer", (deferred(np.random.default_rng(0), n=30),), defer_by="margin", notes=("said",))
    write_sweep(tmp_path, sweep)
    assert read_sweep(tmp_path) == sweep


def test_a_file_that_only_looks_like_a_sweep_is_refused(tmp_path: Path) -> None:
    task = deferred(np.random.default_rng(0), n=30)
    good = msgspec.to_builtins(Sweep("s", "l", "defer", (task,)))
    with pytest.raises(BenchtuiError, match="missing"):
        read_sweep(tmp_path)
    inner = good["tasks"][0]
    metric = inner["metrics"][0]
    for change in (
        {"doc_ids": inner["doc_ids"][:-1]},
        {"doc_hashes": inner["doc_hashes"] * 2},
        {"thresholds": inner["thresholds"][::-1]},
        {"thresholds": inner["thresholds"] * 200},
        {"asked": [99]},
        {"asked": [-1]},
        {"large": inner["large"][:-1]},
        {"large": [{} for _ in inner["large"]]},
        {"large_alone": {}},
        {"large_alone": {"documents": [-1.0] * 30}},
        {"large_alone": {"documents": [0.0] * 30, "flops": [0.0] * 30}},
        {"large_alone": {"documents": [1e300] * 30, "flops": [5.0] * 30}},
        {"thresholds": [{**inner["thresholds"][0], "asked": "[red]p7"}, *inner["thresholds"][1:]]},
        {"metrics": [{**metric, "large": [1e200] * 30}]},
        {"metrics": [{**metric, "scores": metric["scores"][1:]}]},
        {"metrics": [{**metric, "small": metric["small"][1:]}]},
        {"metrics": [{**metric, "weights": [1.0]}]},
        {"metrics": [{**metric, "weights": [0.0] * 30}]},
    ):
        (tmp_path / SWEEP).write_bytes(msgspec.json.encode({**good, "tasks": [{**inner, **change}]}))
        with pytest.raises(BenchtuiError, match="cannot be read"):
            read_sweep(tmp_path)
    for text in ("", "[" * 100_000, '{"small": NaN}'):
        (tmp_path / SWEEP).write_text(text)
        with pytest.raises(BenchtuiError, match="cannot be read"):
            read_sweep(tmp_path)
    (tmp_path / SWEEP).unlink()
    os.mkfifo(tmp_path / SWEEP)
    with pytest.raises(BenchtuiError, match="cannot be read"):
        read_sweep(tmp_path)
