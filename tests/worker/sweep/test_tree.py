"""All texts of several thresholds by one walk, against one text after another, with every forward pass counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.routing.records import RoutedText, Sampling
from benchtui.routing.rules import RouteRule, SignalName
from benchtui.worker.answering.written import Answers
from benchtui.worker.routing.routed import write_routed
from benchtui.worker.sweep.tree import Walked, walk
from tests.worker.switching.pairs import END, Pair, counted_calls, opened_pair

PROMPTS = ("the quick brown", "and counts to ten while the cat", "a", "the lazy dog")
GREEDY = Sampling(max_new_tokens=24)
DRAWN = Sampling(temperature=0.9, top_k=60, top_p=0.95, max_new_tokens=24, seed=7)
THRESHOLDS = (math.inf, 0.99, 0.97, 0.95, 0.93, 0.9, 0.85, 0.7, -math.inf)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("sweep"), noise=0.02) as opened:
        yield opened


def answers(pair: Pair, sampling: Sampling, end: int = END, window: int = 0) -> Answers:
    return Answers(sampling, frozenset({end}), pair.loaded[0].get_tokenizer().decode, window)


def rules(
    thresholds: Sequence[float] = THRESHOLDS, signal: SignalName = "uncertainty", hold: int = 1
) -> list[RouteRule]:
    return [RouteRule(signal, threshold, hold) for threshold in thresholds]


def one_by_one(pair: Pair, prompt: str, how: Answers, by: Sequence[RouteRule]) -> list[RoutedText]:
    return [write_routed(*pair.stepped(), pair.ids(prompt), how, rule, document=3) for rule in by]


def all_at_once(pair: Pair, prompt: str, how: Answers, by: Sequence[RouteRule]) -> Walked:
    return walk(*pair.stepped(), pair.ids(prompt), how, by, document=3)


def middle(pair: Pair, signal: SignalName) -> list[float]:
    """Thresholds between which the signal of a text moves."""
    text = one_by_one(pair, PROMPTS[0], answers(pair, GREEDY), rules([math.inf], signal))[0]
    return [math.inf, *np.quantile(text.signals, np.linspace(0.9, 0.1, 9)), -math.inf]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize(
    ("signal", "hold", "sampling"),
    [("uncertainty", 1, GREEDY), ("margin", 1, DRAWN), ("entropy", 3, GREEDY), ("least-confidence", 2, DRAWN)],
)
def test_every_text_is_the_one_that_its_threshold_gives_alone(
    pair: Pair, prompt: str, signal: SignalName, hold: int, sampling: Sampling
) -> None:
    by, how = rules(middle(pair, signal), signal, hold), answers(pair, sampling)
    alone, together = one_by_one(pair, prompt, how, by), all_at_once(pair, prompt, how, by).texts
    for one, other in zip(alone, together, strict=True):
        assert (one.tokens, one.writers, one.response, one.ended) == (
            other.tokens, other.writers, other.response, other.ended,
        )  # fmt: skip
        known = np.isfinite(other.signals)
        assert np.array(one.signals)[known] == pytest.approx(np.array(other.signals)[known], abs=1e-4)
        assert known.all() or other.writers == "b" * len(known)
        for cost, same in zip(one.costs, other.costs, strict=True):
            assert (cost.calls, cost.positions, cost.chosen) == (same.calls, same.positions, same.chosen)
    assert len({text.tokens for text in together}) > 1
    assert len({text.writers for text in together}) > 2


def test_texts_that_end_at_different_places_end_there(pair: Pair) -> None:
    """A stop string and an end token in some of them, and not in others."""
    free = all_at_once(pair, PROMPTS[1], answers(pair, GREEDY), rules(middle(pair, "uncertainty"))).texts
    first, last = free[0], free[-1]
    (end, *_) = [token for token in last.tokens[2:] if token not in first.tokens]
    stop = pair.loaded[0].get_tokenizer().decode(first.tokens[4:6])
    for sampling, token in ((GREEDY, end), (msgspec.structs.replace(GREEDY, stop=(stop,)), END)):
        how = answers(pair, sampling, token)
        by = rules(middle(pair, "uncertainty"))
        alone, together = one_by_one(pair, PROMPTS[1], how, by), all_at_once(pair, PROMPTS[1], how, by).texts
        assert [(text.response, text.tokens, text.ended) for text in alone] == [
            (text.response, text.tokens, text.ended) for text in together
        ]
        assert len({text.ended for text in together}) > 1


def test_a_window_ends_all(pair: Pair) -> None:
    prompt = PROMPTS[0]
    how = answers(pair, GREEDY, window=len(pair.ids(prompt)) + 7)
    texts = all_at_once(pair, prompt, how, rules()).texts
    assert {(len(text.tokens), text.ended) for text in texts} == {(7, "window")}


def test_what_is_counted_is_what_the_models_computed_and_less_than_separate_texts_take(pair: Pair) -> None:
    by, how = rules(middle(pair, "uncertainty")), answers(pair, GREEDY)
    taken, separate = [0, 0], [0, 0]
    for prompt in PROMPTS:
        with counted_calls(pair) as seen:
            walked = all_at_once(pair, prompt, how, by)
        for side, (cost, passes) in enumerate(zip(walked.costs, seen, strict=True)):
            assert (cost.calls, cost.positions) == (len(passes), sum(passes))
            taken[side] += cost.calls
        with counted_calls(pair) as seen:
            texts = one_by_one(pair, prompt, how, by)
        for side, passes in enumerate(seen):
            assert sum(text.costs[side].calls for text in texts) == len(passes)
            separate[side] += len(passes)
        prefixes = {text.tokens[:length] for text in walked.texts for length in range(len(text.tokens))}
        alone = {text.tokens[:length] for text in walked.texts[:-1] for length in range(len(text.tokens))}
        assert walked.costs[0].calls == len(alone), "asked once at each beginning, of the large one alone at none"
        assert walked.costs[1].calls <= len(prefixes)
    assert taken[0] < 0.9 * separate[0]
    assert taken[1] < 0.9 * separate[1]


def test_equal_models_part_nowhere_and_take_the_steps_of_one_text(pair: Pair) -> None:
    small, _ = pair.stepped()
    other, _ = pair.stepped()
    walked = walk(small, other, pair.ids(PROMPTS[0]), answers(pair, GREEDY), rules(middle(pair, "uncertainty")), 3)
    assert len({text.tokens for text in walked.texts}) == 1
    assert walked.costs[0].calls == len(walked.texts[0].tokens) == walked.costs[1].calls
    assert len({text.writers for text in walked.texts}) > 5


def test_a_signal_of_raw_logits_is_refused_by_name(pair: Pair) -> None:
    with pytest.raises(BenchtuiError, match="logtoku needs raw logits"):
        all_at_once(pair, "a", answers(pair, GREEDY), rules(signal="logtoku"))
