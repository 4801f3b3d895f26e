"""Every threshold from one pass of two real models: against a router that reads the text token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.routing.rules import RouteRule
from benchtui.routing.signals import SIGNALS, of_distributions
from benchtui.routing.strategies import Strategy
from benchtui.worker.sweep.answers import ScoredRequest
from benchtui.worker.sweep.records import Pass
from tests.worker.switching.pairs import opened_pair

LENGTH, PROMPT = 24, 6


def passed(network: Any, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities and logsumexp behind every token, float32."""
    import torch

    with torch.no_grad():
        logits = network(torch.tensor([ids])).logits[0].float()
    sums = torch.logsumexp(logits, -1)
    return (logits - sums[:, None]).numpy(), sums.numpy()


def token_by_token(networks: tuple[Any, Any], ids: list[int], rule: RouteRule, shift: float) -> tuple[float, int]:
    """Score a continuation, reading each prefix anew: by the small model, and by the large one where it is unsure."""
    score, large, since = 0.0, 0, None
    for place in range(PROMPT, len(ids)):
        logprobs, sums = passed(networks[0], ids[:place])
        signal = of_distributions(rule.signal, logprobs[-1:], sums[-1:] + shift)[0]
        since = 0 if rule.reached(float(signal)) else None if since is None else since + 1
        if rule.writer(since) == "b":
            logprobs, large = passed(networks[1], ids[:place])[0], large + 1
        score += float(logprobs[-1, ids[place]])
    return score, large


@pytest.mark.slow
def test_one_pass_of_each_model_gives_what_a_router_does_at_every_threshold(tmp_path: Path) -> None:
    with opened_pair(tmp_path, noise=0.3) as pair:
        ids = np.random.default_rng(4).integers(3, len(pair.tokenizer), LENGTH).tolist()
        (small, sums), (large, _) = (passed(network, ids[:-1]) for network in pair.networks)
        rows, tokens = np.arange(PROMPT - 1, LENGTH - 1), np.array(ids[PROMPT:])
        shift = 50.0  # LogTokU needs logits above 0
        for name in SIGNALS:
            signal = of_distributions(name, small[rows], sums[rows] + shift)
            passes = [
                Pass.of(
                    logprobs[rows, tokens],
                    logprobs[rows].argmax(-1) == tokens,
                    read,
                    float(logprobs[rows, tokens].sum()),
                    LENGTH - 1,
                )
                for logprobs, read in ((small, signal), (large, None))
            ]
            values = np.unique(signal.astype(np.float64))
            between = (values[1:] + values[:-1]) / 2
            for hold in (1, 3):
                request = ScoredRequest(passes[:1], passes[1:], Strategy(name, hold=hold), whole=False)
                for place, threshold in enumerate([-1.0, *between[:: max(len(between) // 3, 1)], 99.0]):
                    found = request.at(place, threshold)
                    score, count = token_by_token(pair.networks, ids, RouteRule(name, threshold, hold), shift)
                    assert found.large.chosen == count
                    assert found.answer[0] == pytest.approx(score, abs=1e-4)
            request = ScoredRequest(passes[:1], passes[1:], Strategy(name), whole=False)
            scores = {request.at(place, value).answer[0] for place, value in enumerate((*values, np.inf))}
            assert len(scores) == len(values) + 1
