"""Log-likelihoods at thresholds, from one pass of each model, against a hybrid that answers at that threshold alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from lm_eval.api.instance import Instance

from benchtui.routing.strategies import Strategy
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.hybrid.switch import tokens_by_both
from benchtui.worker.answering.hybrid.work import tokens_scored_by
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.protocol import ScoreRequest, Unobserved
from benchtui.worker.sweep.answers import ScoredRequest
from benchtui.worker.sweep.asking import RequestMaker
from benchtui.worker.sweep.records import Pass
from tests.worker.answering.hybrid.demo_pair import Told, answering, asked, choices, documents, opened

WHOLE = " ".join(doc["question"] for doc in documents("demo_knowledge", 60))
"""Longer than the window of both models."""
THRESHOLDS = {"uncertainty": (0.05, 0.3, 0.5, 0.7, 0.9), "margin": (0.2, 0.8), "switch": (0.02, 0.1, 0.3, 0.6)}


def passed(hybrid: HybridAnswering, requests: Sequence[ScoreRequest]) -> tuple[list[Pass], list[Pass]]:
    """What both models make of requests."""
    pair = hybrid.pair
    if pair.strategy.signal is None:
        both, unobserved = pair.stepped(Unobserved()), (Unobserved(), Unobserved())
        found = [tokens_by_both(pair, both, each, pair.strategy.divergence, unobserved) for each in requests]
        small = [Pass.of(each.small, each.small_top, each.signal, float(each.small.sum()), 1) for each in found]
        return small, [Pass.of(each.large, each.large_top, None, float(each.large.sum()), 1) for each in found]
    sides = [
        tokens_scored_by(model, list(requests), signal, Unobserved())
        for model, signal in ((pair.small, pair.strategy.signal), (pair.large, None))
    ]
    small, large = (
        [
            Pass.of(score.logprobs, score.greedy, score.signal, score.loglikelihood, len(request.inputs))
            for (score, _), request in zip(side, requests, strict=True)
        ]
        for side in sides
    )
    return small, large


def swept(model: LoadedModel, instances: Sequence[Instance]) -> list[ScoredRequest]:
    hybrid = answering(model)
    assert isinstance(hybrid, HybridAnswering)
    found = []
    for instance, windows in zip(
        instances, RequestMaker(hybrid, model._prompts).score_requests(instances), strict=True
    ):
        small, large = passed(hybrid, windows)
        whole = instance.request_type == "loglikelihood_rolling"
        found.append(ScoredRequest(small, large, hybrid.pair.strategy, whole=whole))
    return found


@pytest.mark.parametrize(
    ("strategy", "own"),
    [("uncertainty", {"hold": "3"}), ("margin", {}), ("switch", {"min-stay": "2"}), ("switch", {"back": "0.01"})],
)
def test_every_threshold_is_what_the_hybrid_answers_there(strategy: str, own: dict[str, str]) -> None:
    """1e-4 nats, with the same verdict on what is likeliest, for choices and for windows of a longer text."""
    instances = choices(documents("demo_knowledge", 6))
    rolling = [Instance("loglikelihood_rolling", {}, (WHOLE,), 0, ("text", 0, 1))]
    large = set()
    with opened(strategy, 0.5, **{name.replace("-", "_"): value for name, value in own.items()}) as model:
        hybrid = answering(model)
        requests, texts = swept(model, instances), swept(model, rolling)
        for threshold in THRESHOLDS[strategy]:
            hybrid.settle(threshold)
            told = Told()
            large.add(sum(request.at(0, threshold).large.chosen for request in requests))
            theirs = asked(model, told=told).loglikelihood(instances)
            for (score, greedy), facts, request in zip(theirs, told.routed, requests, strict=True):
                given = request.at(0, threshold)
                assert given.answer[0] == pytest.approx(score, abs=1e-4)
                assert given.answer[1] == greedy
                assert (given.small.chosen, given.large.chosen) == (facts.small.chosen, facts.large.chosen)
            (score,) = asked(model).loglikelihood_rolling(rolling)
            assert texts[0].at(0, threshold).answer == pytest.approx(score, abs=1e-3)
    assert len(large) > 1, "the thresholds differ"


def test_both_ends_are_the_models_alone_to_the_last_bit() -> None:
    instances = choices(documents("demo_knowledge", 4))
    with opened("uncertainty", 0.5) as model:
        pair = answering(model).pair
        requests = swept(model, instances)
        for side, threshold in ((pair.small, math.inf), (pair.large, -math.inf)):
            alone = RequestMaker(answering(model), model._prompts).score_requests(instances)
            for (one,), request in zip(alone, requests, strict=True):
                found = []
                side.score([one], lambda _, score, found=found: found.append(score), Unobserved())
                assert request.at(0, threshold).answer == (found[0].loglikelihood, found[0].greedy)


def test_a_continuation_without_tokens_is_certain_and_free() -> None:
    given = ScoredRequest([], [], Strategy("uncertainty"), whole=False).at(0, 0.5)
    assert given.answer == (0.0, True)
    assert given.large.calls == given.small.calls == 0


def test_arrays_come_back_from_the_journal_as_they_were() -> None:
    rng = np.random.default_rng(5)
    logprobs, signal = rng.normal(size=9).astype(np.float32), rng.random(9).astype(np.float32)
    found = Pass.of(logprobs, signal > 0.5, signal, -1.25, 12).arrays
    for one, other in zip(found, (logprobs, signal > 0.5, signal), strict=True):
        assert (one == other).all()
