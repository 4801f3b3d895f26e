"""Tokens drawn at random for the large model, beside those that a rule takes to it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchtui.routing.strategies import Strategy
from benchtui.worker.sweep.answers import ScoredRequest
from benchtui.worker.sweep.records import Pass
from tests.worker.sweep.runs import CHOICES, TEXTS, do, make_run


def passes(rng: np.random.Generator, n: int) -> tuple[Pass, Pass]:
    """What two models make of a continuation of n tokens."""
    small, large = -rng.exponential(1, (2, n)).astype(np.float32)
    signal = rng.random(n).astype(np.float32)
    return (
        Pass.of(small, np.ones(n, bool), signal, float(small.sum()), n),
        Pass.of(large, np.zeros(n, bool), None, float(large.sum()), n),
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_each_token_is_the_large_models_with_the_chance_of_the_share(share: float) -> None:
    rng = np.random.default_rng(2)
    small, large = passes(rng, 6)
    request = ScoredRequest([small], [large], Strategy("margin"), whole=False)
    drawn = [request.drawn(rng, share) for _ in range(3_000)]
    one, other = (each.arrays[0].astype(float) for each in (small, large))
    expected = ((1 - share) * one + share * other).sum()
    spread = np.sqrt((share * (1 - share) * (one - other) ** 2).sum() / len(drawn))
    assert np.mean([score for score, _ in drawn]) == pytest.approx(expected, abs=4 * spread + 1e-5)
    assert np.mean([greedy for _, greedy in drawn]) == pytest.approx((1 - share) ** 6, abs=0.03), "none is the other's"


def test_tokens_routed_at_random_are_not_on_the_line() -> None:
    """Against all ways to route the four tokens of a question with two choices, of which the first is right."""
    rng, part, draws = np.random.default_rng(21), 0.3, 4_000
    both = [passes(rng, 2) for _ in range(2)]
    choices = [ScoredRequest([one], [other], Strategy("margin"), whole=False) for one, other in both]
    exact, ends = 0.0, []
    for way in itertools.product((False, True), repeat=4):
        chance = np.prod([part if large else 1 - part for large in way])
        totals = [
            np.where(row, other.arrays[0], one.arrays[0]).sum()
            for row, (one, other) in zip(np.array(way).reshape(2, 2), both, strict=True)
        ]
        exact += chance * (np.argmax(totals) == 0)
        ends += [float(np.argmax(totals) == 0)] if len(set(way)) == 1 else []
    right = [np.argmax([each.drawn(rng, part)[0] for each in choices]) == 0 for _ in range(draws)]
    assert np.mean(right) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / draws))
    assert abs(exact - (ends[0] + part * (ends[1] - ends[0]))) > 0.05


@pytest.mark.slow
def test_a_sweep_has_both_ends_of_random_routing_and_the_same_figures_again(tmp_path: Path) -> None:
    found, again = (do(make_run(tmp_path / name, CHOICES, TEXTS, thresholds="2,0.5,0", limit=20)) for name in "ab")
    choices, texts = found.tasks
    assert all(not metric.random for metric in texts.metrics), "texts would have to be written for it"
    for metric in choices.metrics:
        nothing, some, everything = metric.random
        assert nothing == metric.small
        assert everything == metric.large
        assert all(0 <= value <= 1 for value in some)
        assert some not in (metric.small, metric.large)
    assert again.tasks[0].metrics == choices.metrics


@pytest.mark.slow
def test_floating_point_operations_fall_less_than_calls(tmp_path: Path) -> None:
    found = do(make_run(tmp_path, TEXTS, thresholds="0.6,0.3", limit=20)).tasks[0]
    alone = {measure: sum(found.large_alone[measure]) for measure in ("calls", "positions", "flops")}
    small = sum(found.small_alone["flops"]) / sum(found.small_alone["positions"])
    assert 0 < small < 0.5 * alone["flops"] / alone["positions"], "the small model has a fifth of the parameters"
    for each in found.large:
        calls, reads, flops = (sum(each[measure]) / alone[measure] for measure in ("calls", "positions", "flops"))
        assert calls < flops <= reads, "everything before a token is read, but without logits"
