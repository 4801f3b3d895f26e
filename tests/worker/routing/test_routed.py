"""Texts that a small and a large model write, routed token by token, against full forward passes and `generate()`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from benchtui.errors import BenchtuiError
from benchtui.routing.records import RoutedText, Sampling
from benchtui.routing.rules import RouteRule, SignalName
from benchtui.routing.uniforms import uniform
from benchtui.worker.answering.written import Answers
from tests.worker.routing.one_text import write_routed
from tests.worker.switching.pairs import END, Pair, by_transformers, counted_calls, opened_pair

PROMPTS = ("the quick brown", "and counts to ten while the cat", "a")
SIGNALS: tuple[SignalName, ...] = ("uncertainty", "entropy", "margin", "least-confidence")
GREEDY = Sampling(max_new_tokens=24)
DRAWN = Sampling(temperature=0.9, top_k=60, top_p=0.95, min_p=0.01, max_new_tokens=24, seed=7)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("routing")) as opened:
        yield opened


def write(
    pair: Pair, prompt: str, rule: RouteRule, sampling: Sampling, *, end: int = END, window: int = 0
) -> RoutedText:
    answers = Answers(sampling, frozenset({end}), pair.loaded[0].get_tokenizer().decode, window)
    return write_routed(*pair.stepped(), pair.ids(prompt), answers, rule, document=3)


def signal_by_hand(name: str, logits: torch.Tensor) -> float:
    shares = np.sort(torch.softmax(logits, -1).numpy())[::-1]
    likeliest = shares[:10] / shares[:10].sum()
    return {
        "uncertainty": -(likeliest * np.log(likeliest)).sum() / np.log(10),
        "entropy": -(shares * np.log(shares)).sum(),
        "margin": 1 - (shares[0] - shares[1]),
        "least-confidence": 1 - shares[0],
    }[name]


def by_hand(pair: Pair, prompt: list[int], rule: RouteRule, sampling: Sampling) -> tuple[list[int], str, list[float]]:
    """Two full forward passes for each token."""
    tokens: list[int] = []
    writers, signals, last = "", [], -rule.hold
    while len(tokens) < sampling.max_new_tokens and (not tokens or tokens[-1] != END):
        ids = torch.tensor([[*prompt, *tokens]])
        with torch.no_grad():
            logits = [network(ids).logits[0, -1].double() for network in pair.networks]
        signals.append(signal_by_hand(rule.signal, logits[0]))
        last = len(tokens) if signals[-1] >= rule.threshold else last
        writers += "b" if len(tokens) - last < rule.hold else "a"
        number = uniform(sampling.seed, 3, 0, len(tokens))
        tokens.append(by_transformers(logits[writers[-1] == "b"], sampling, number))
    return tokens, writers, signals


def alone(pair: Pair, side: int, prompt: str, sampling: Sampling) -> list[int]:
    """One model's text: `generate()` of transformers where it is greedy, else drawn by the same numbers."""
    ids = pair.ids(prompt)
    if not sampling.temperature:
        made = pair.networks[side].generate(
            torch.tensor([ids]), max_new_tokens=sampling.max_new_tokens, do_sample=False, eos_token_id=END
        )
        return [int(token) for token in made[0, len(ids) :]]
    return by_hand(pair, ids, RouteRule("margin", 0.0 if side else np.inf), sampling)[0]


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_at_both_ends_the_text_is_that_of_one_model(pair: Pair, signal: SignalName, sampling: Sampling) -> None:
    for prompt in PROMPTS:
        large, small = (write(pair, prompt, RouteRule(signal, end), sampling) for end in (0.0, np.inf))
        assert list(large.tokens) == alone(pair, 1, prompt, sampling)
        assert list(small.tokens) == alone(pair, 0, prompt, sampling)
        assert large.tokens != small.tokens
        assert (set(large.writers), set(small.writers)) == ({"b"}, {"a"})
        assert (small.costs[1].calls, small.costs[1].positions) == (0, 0)


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_text_writers_and_signals_are_those_of_the_rule_by_hand(
    pair: Pair, signal: SignalName, sampling: Sampling
) -> None:
    for prompt in PROMPTS:
        seen = by_hand(pair, pair.ids(prompt), RouteRule(signal, np.inf), sampling)[2]
        ordered = sorted(seen)
        middle = (ordered[-6] + ordered[-5]) / 2  # not at a value: rounding would decide
        for hold in (1, 3):
            rule = RouteRule(signal, middle, hold)
            tokens, writers, signals = by_hand(pair, pair.ids(prompt), rule, sampling)
            found = write(pair, prompt, rule, sampling)
            assert (list(found.tokens), found.writers) == (tokens, writers)
            assert "b" in writers, "the rule has nothing to do here"
            assert "a" in writers or hold > 1, "the rule has nothing to do here"
            np.testing.assert_allclose(found.signals, signals, atol=1e-5)


def test_calls_and_positions_are_what_hooks_count(pair: Pair) -> None:
    rule = RouteRule("margin", 0.8)
    with counted_calls(pair) as seen:
        found = write(pair, PROMPTS[1], rule, GREEDY)
    prompt = len(pair.ids(PROMPTS[1]))
    for cost, counts in zip(found.costs, seen, strict=True):
        assert (cost.calls, cost.positions, cost.discarded) == (len(counts), sum(counts), 0)
    assert [cost.chosen for cost in found.costs] == [found.writers.count(side) for side in "ab"]
    assert found.costs[0].calls == len(found.tokens)
    assert found.costs[1].calls == found.writers.count("b") > 0
    # The large model has read every token before the last that it wrote: what is saved are calls.
    assert found.costs[1].positions == prompt + found.writers.rindex("b")


def test_a_text_ends_where_it_must(pair: Pair) -> None:
    rule = RouteRule("margin", 0.8)
    whole = write(pair, PROMPTS[0], rule, GREEDY)
    place = next(place for place, token in enumerate(whole.tokens) if place > 4 and token not in whole.tokens[:place])
    by_token = write(pair, PROMPTS[0], rule, GREEDY, end=whole.tokens[place])
    assert (by_token.tokens, by_token.ended) == (whole.tokens[: place + 1], "end")
    assert by_token.response == pair.tokenizer.decode(whole.tokens[:place], skip_special_tokens=True)
    stop = pair.tokenizer.decode(whole.tokens[: place + 1], skip_special_tokens=True)[-3:]
    by_stop = write(pair, PROMPTS[0], rule, Sampling(max_new_tokens=24, stop=(stop,)))
    assert by_stop.ended == "stop"
    assert stop not in by_stop.response
    assert stop in pair.tokenizer.decode(by_stop.tokens, skip_special_tokens=True)
    assert stop not in pair.tokenizer.decode(by_stop.tokens[:-1], skip_special_tokens=True)
    short = write(pair, PROMPTS[0], rule, Sampling(max_new_tokens=5))
    assert (short.tokens, short.ended) == (whole.tokens[:5], "length")
    full = write(pair, PROMPTS[0], rule, GREEDY, window=len(pair.ids(PROMPTS[0])) + 6)
    assert (full.tokens, full.ended, len(full.signals)) == (whole.tokens[:6], "window", 6)
    with pytest.raises(BenchtuiError, match="leaves no room in a window of 2"):
        write(pair, PROMPTS[0], rule, GREEDY, window=2)


def test_a_signal_of_raw_logits_is_refused_by_name(pair: Pair) -> None:
    with pytest.raises(BenchtuiError, match="logtoku needs raw logits"):
        write(pair, PROMPTS[0], RouteRule("logtoku", 2.2), GREEDY)
