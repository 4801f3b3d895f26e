"""The strategy `switch`: texts and log-likelihoods by who is in charge, against full forward passes by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from benchtui.routing.records import Sampling
from benchtui.routing.rules import SwitchRule
from benchtui.worker.answering.protocol import Score, ScoreRequest, Unobserved
from tests.worker.answering.hybrid.asked import scored, way, written
from tests.worker.routing.test_costs import counted
from tests.worker.switching.pairs import Pair, counted_calls, js, naive, opened_pair

PROMPTS = ["the quick brown", "and counts to ten while the cat", "a"]
TEXTS = [
    ("the quick brown fox", "jumps over the lazy dog while the cat sleeps in the warm sun"),
    ("the cat sleeps", "in the warm sun and counts to ten a b all day"),
    ("a b", "all"),
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("hybrid"), noise=0.03) as opened:
        yield opened


def by_hand(pair: Pair, context: str, text: str, up: float, down: float, stay: int) -> tuple[float, str, bool, bool]:
    """The score by the rule token by token, who scored, whether all was greedy, and whether a threshold is so close
    that rounding decides."""
    ids, tokens = pair.ids(context), pair.ids(text)
    with torch.no_grad():
        rows = [
            network(torch.tensor([[*ids, *tokens]])).logits[0].double().log_softmax(-1) for network in pair.networks
        ]
    side, stayed, total, who, greedy, close = 0, stay, 0.0, "", True, False
    for place, token in enumerate(tokens):
        first, second = (row[len(ids) + place - 1].numpy() for row in rows)
        apart = js(np.exp(first), np.exp(second))
        close |= min(abs(apart - up), abs(apart - down)) < 1e-5
        if stayed >= stay and (apart > up if side == 0 else apart < down):
            side, stayed = 1 - side, 0
        stayed += 1
        chosen = (first, second)[side]
        total, who, greedy = total + chosen[token], who + "ab"[side], greedy and chosen.argmax() == token
    return float(total), who, bool(greedy), close


@pytest.mark.parametrize("stay", [1, 3])
def test_log_likelihoods_are_the_rule_by_hand_on_the_fixed_text(pair: Pair, stay: int) -> None:
    seen = set()
    for up, down in ((0.02, 0.01), (0.05, 0.03), (0.1, 0.02)):
        asked = way(pair, strategy="switch", threshold=str(up), back=str(down), min_stay=str(stay))
        for (context, text), found in zip(TEXTS, scored(asked, pair, TEXTS), strict=True):
            score, who, greedy, close = by_hand(pair, context, text, up, down, stay)
            assert not close, "rounding decides here: choose other thresholds"
            assert found.loglikelihood == pytest.approx(score, abs=1e-4)
            assert found.greedy == greedy
            assert found.routed is not None
            assert (found.routed.small.chosen, found.routed.large.chosen) == (who.count("a"), who.count("b"))
            seen.add(who)
    assert any("ab" in who for who in seen)
    assert any("ba" in who for who in seen)


def test_at_both_ends_a_model_scores_alone(pair: Pair) -> None:
    for threshold, side in (("0", 1), ("inf", 0)):
        found = scored(way(pair, strategy="switch", threshold=threshold, back="0"), pair, TEXTS)
        alone = scored(pair.loaded[side]._answering, pair, TEXTS)
        assert [each.loglikelihood for each in found] == pytest.approx([each.loglikelihood for each in alone], abs=1e-4)
        assert [each.greedy for each in found] == [each.greedy for each in alone]


@pytest.mark.parametrize("kind", ["js", "tv", "kl"])
def test_every_one_token_continuation_together_has_the_probability_one(pair: Pair, kind: str) -> None:
    """Who scores a token is decided by the text before it alone."""
    asked = way(pair, strategy="switch", threshold="0.02", divergence=kind)
    found: dict[int, Score] = {}
    context = pair.ids("the quick brown fox")
    requests = [ScoreRequest(context, [token], ("", "")) for token in range(len(pair.tokenizer))]
    asked.score(requests, found.__setitem__, Unobserved())
    assert np.exp([each.loglikelihood for each in found.values()]).sum() == pytest.approx(1, abs=1e-5)


def test_texts_are_those_of_the_rule_by_hand(pair: Pair) -> None:
    rule = SwitchRule("js", 0.06, 0.03)
    found = written(way(pair, strategy="switch", threshold="0.06", back="0.03"), pair, PROMPTS)
    writers = ""
    for prompt, each in zip(PROMPTS, found, strict=True):
        expected = naive(pair, pair.ids(prompt), rule, Sampling(max_new_tokens=20))
        assert list(each.ids) == expected.tokens
        assert each.routed is not None
        own = "".join(run.side * run.tokens for run in each.routed.runs)
        assert [place for place in range(1, len(own)) if own[place] != own[place - 1]] == [
            place for place, *_ in expected.switches if place
        ]
        writers += own
    assert {"a", "b"} == set(writers)


def test_texts_written_at_once_are_those_written_one_by_one(pair: Pair) -> None:
    prompts = [*PROMPTS, "the lazy dog", "all day in the warm sun", "fox"]
    for more in ({}, {"do_sample": True, "temperature": 0.8}):
        asked = way(pair, strategy="switch", threshold="0.06", back="0.03")
        together = written(asked, pair, prompts, **more)
        with counted_calls(pair) as seen:
            again = written(asked, pair, prompts, **more)
        alone = [one for prompt in prompts for one in written(asked, pair, [prompt], **more)]
        if not more:  # another place has other random numbers
            assert [list(each.ids) for each in together] == [list(each.ids) for each in alone]
        assert [list(each.ids) for each in together] == [list(each.ids) for each in again]
        for side, counts in zip(("small", "large"), seen, strict=True):
            works = [getattr(each.routed, side) for each in again]
            assert sum(work.calls for work in works) > 1.5 * len(counts), "texts do not share forward passes"
            assert sum(work.positions for work in works) <= sum(counts) + 6 * len(prompts)


def test_the_positions_of_log_likelihoods_are_what_hooks_count(pair: Pair) -> None:
    asked = way(pair, strategy="switch", threshold="0.05")
    scored(asked, pair, TEXTS[:1])  # what the models can do is tried out once
    with counted_calls(pair) as seen:
        found = scored(asked, pair, TEXTS)
    for side, counts in zip(("small", "large"), seen, strict=True):
        assert sum(getattr(each.routed, side).positions for each in found) == sum(counts)
        assert sum(getattr(each.routed, side).calls for each in found) == len(counts)


def test_the_floating_point_operations_of_a_log_likelihood_are_those_of_the_modules(pair: Pair) -> None:
    asked = way(pair, strategy="switch", threshold="0.05")
    scored(asked, pair, TEXTS[:1])  # what the models can do is tried out once
    networks = [model._answering.lm.model for model in pair.loaded]  # type: ignore[attr-defined]
    with counted(networks[0]) as small, counted(networks[1]) as large:
        (found,) = scored(asked, pair, TEXTS[:1])
    assert found.routed is not None
    assert (found.routed.small.flops, found.routed.large.flops) == pytest.approx((small[0], large[0]), rel=1e-9)
