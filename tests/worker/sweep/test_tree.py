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
from benchtui.worker.answering.stepped import SteppedBatch, SteppedModel
from benchtui.worker.answering.written import Answers, Asked
from benchtui.worker.routing.routed import Routing
from benchtui.worker.sweep.tree import Walked, Walks
from tests.worker.routing.one_text import write_routed
from tests.worker.switching.pairs import END, Pair, counted_calls, opened_pair

PROMPTS = ("the quick brown", "and counts to ten while the cat", "a", "the lazy dog")
GREEDY = Sampling(max_new_tokens=24)
DRAWN = Sampling(temperature=0.9, top_k=60, top_p=0.95, max_new_tokens=24, seed=7)
ROWS = (1, 3, 16)
"""Branches written at once: of one each is forked, of more each has a row."""
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


def room(model: SteppedModel, rows: int) -> SteppedBatch:
    """Rows of exactly this number."""
    whole = model.batch(16, 200).rows
    batch = model.batch(16, 200, (rows + 0.5) / whole)
    assert batch.rows == rows
    return batch


def walks(pair: Pair, by: Sequence[RouteRule], rows: int, started: list[list[int]] | None = None) -> Walks:
    small, large = (room(model, rows) for model in pair.stepped())
    return Walks(small, large, by, started=(started if started is not None else []).append)


def written(by: Walks, texts: Sequence[Asked]) -> list[Walked]:
    found: dict[int, Walked] = {}
    by.write(texts, found.__setitem__)
    return [found[place] for place in range(len(texts))]


def all_at_once(pair: Pair, prompt: str, how: Answers, by: Sequence[RouteRule], rows: int) -> Walked:
    return written(walks(pair, by, rows), [Asked(pair.ids(prompt), how, 3)])[0]


def same(alone: RoutedText, other: RoutedText) -> None:
    """All that a text is, and would cost by itself."""
    assert (alone.tokens, alone.writers, alone.response, alone.ended) == (
        other.tokens, other.writers, other.response, other.ended,
    )  # fmt: skip
    known = np.isfinite(other.signals)
    assert np.array(alone.signals)[known] == pytest.approx(np.array(other.signals)[known], abs=1e-4)
    assert known.all() or other.writers == "b" * len(known)
    for cost, expected in zip(alone.costs, other.costs, strict=True):
        assert (cost.calls, cost.positions, cost.chosen) == (expected.calls, expected.positions, expected.chosen)


def middle(pair: Pair, signal: SignalName) -> list[float]:
    """Thresholds between which the signal of a text moves."""
    text = one_by_one(pair, PROMPTS[0], answers(pair, GREEDY), rules([math.inf], signal))[0]
    return [math.inf, *np.quantile(text.signals, np.linspace(0.9, 0.1, 9)), -math.inf]


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    ("signal", "hold", "sampling"),
    [("uncertainty", 1, GREEDY), ("margin", 1, DRAWN), ("entropy", 3, GREEDY), ("least-confidence", 2, DRAWN)],
)
def test_every_text_is_the_one_that_its_threshold_gives_alone(
    pair: Pair, signal: SignalName, hold: int, sampling: Sampling, rows: int
) -> None:
    by, how = rules(middle(pair, signal), signal, hold), answers(pair, sampling)
    started: list[list[int]] = []
    together = written(walks(pair, by, rows, started), [Asked(pair.ids(prompt), how, 3) for prompt in PROMPTS])
    for prompt, walked in zip(PROMPTS, together, strict=True):
        for one, other in zip(one_by_one(pair, prompt, how, by), walked.texts, strict=True):
            same(one, other)
        assert len({text.tokens for text in walked.texts}) > 1
        assert len({text.writers for text in walked.texts}) > 2
    assert {place for places in started for place in places} == set(range(len(PROMPTS)))
    assert (max(map(len, started)) == 1) == (rows == 1)


@pytest.mark.parametrize("rows", ROWS)
def test_texts_that_end_at_different_places_end_there(pair: Pair, rows: int) -> None:
    """A stop string and an end token in some of them, and not in others."""
    free = all_at_once(pair, PROMPTS[1], answers(pair, GREEDY), rules(middle(pair, "uncertainty")), rows).texts
    first, last = free[0], free[-1]
    (end, *_) = [token for token in last.tokens[2:] if token not in first.tokens]
    stop = pair.loaded[0].get_tokenizer().decode(first.tokens[4:6])
    for sampling, token in ((GREEDY, end), (msgspec.structs.replace(GREEDY, stop=(stop,)), END)):
        how = answers(pair, sampling, token)
        by = rules(middle(pair, "uncertainty"))
        alone, together = one_by_one(pair, PROMPTS[1], how, by), all_at_once(pair, PROMPTS[1], how, by, rows).texts
        assert [(text.response, text.tokens, text.ended) for text in alone] == [
            (text.response, text.tokens, text.ended) for text in together
        ]
        assert len({text.ended for text in together}) > 1


@pytest.mark.parametrize("rows", ROWS)
def test_a_window_ends_all(pair: Pair, rows: int) -> None:
    prompt = PROMPTS[0]
    how = answers(pair, GREEDY, window=len(pair.ids(prompt)) + 7)
    texts = all_at_once(pair, prompt, how, rules(), rows).texts
    assert {(len(text.tokens), text.ended) for text in texts} == {(7, "window")}


@pytest.mark.parametrize("rows", ROWS)
def test_what_is_counted_is_what_the_models_computed_and_less_than_separate_texts_take(pair: Pair, rows: int) -> None:
    by, how = rules(middle(pair, "uncertainty")), answers(pair, GREEDY)
    taken, separate = [0, 0], [0, 0]
    for prompt in PROMPTS:
        walk = walks(pair, by, rows)
        with counted_calls(pair) as seen:
            (walked,) = written(walk, [Asked(pair.ids(prompt), how, 3)])
        for side, (cost, passes) in enumerate(zip(walked.costs, seen, strict=True)):
            assert cost.positions == sum(passes)
            assert cost.calls == len(passes) if rows == 1 else cost.calls > 1.3 * len(passes)
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
        if rows != 3:  # with less room than branches, what one of them waits for may be read again
            assert walked.costs[0].positions == len(pair.ids(prompt)) - 1 + len(alone), "each token is read once"
    assert taken[0] < 0.9 * separate[0]
    assert taken[1] < 0.9 * separate[1]


@pytest.mark.parametrize("rows", ROWS)
def test_what_the_large_model_writes_alone_the_small_one_does_not_read(pair: Pair, rows: int) -> None:
    walk = walks(pair, rules([-math.inf]), rows)
    with counted_calls(pair) as seen:
        found = written(walk, [Asked(pair.ids(prompt), answers(pair, GREEDY), 3) for prompt in PROMPTS])
    assert not seen[0]
    assert {cost.costs[0].calls for cost in found} == {0}
    assert {text.writers for each in found for text in each.texts} == {"b" * GREEDY.max_new_tokens}


@pytest.mark.parametrize("rows", ROWS)
def test_all_documents_together_are_counted_and_take_fewer_passes_than_separate_batches(pair: Pair, rows: int) -> None:
    by, how = rules(middle(pair, "uncertainty")), answers(pair, GREEDY)
    texts = [Asked(pair.ids(prompt), how, 3) for prompt in PROMPTS]
    walk = walks(pair, by, rows)
    with counted_calls(pair) as seen:
        found = written(walk, texts)
    for side, passes in enumerate(seen):
        assert sum(each.costs[side].positions for each in found) == sum(passes)
    with counted_calls(pair) as separate:
        for rule in by:
            small, large = (room(model, rows) for model in pair.stepped())
            Routing(small, large, rule).write(texts, lambda *_: None)
    for passes, alone in zip(seen, separate, strict=True):
        assert len(passes) < (0.5 if rows == 16 else 0.9) * len(alone)


@pytest.mark.parametrize("rows", ROWS)
def test_equal_models_part_nowhere_and_take_the_steps_of_one_text(pair: Pair, rows: int) -> None:
    small, large = (room(pair.stepped()[0], rows) for _ in range(2))
    by = rules(middle(pair, "uncertainty"))
    (walked,) = written(Walks(small, large, by), [Asked(pair.ids(PROMPTS[0]), answers(pair, GREEDY), 3)])
    assert len({text.tokens for text in walked.texts}) == 1
    assert walked.costs[0].calls == len(walked.texts[0].tokens) == walked.costs[1].calls
    assert len({text.writers for text in walked.texts}) > 5


def test_a_signal_of_raw_logits_is_refused_by_name(pair: Pair) -> None:
    with pytest.raises(BenchtuiError, match="logtoku needs raw logits"):
        all_at_once(pair, "a", answers(pair, GREEDY), rules(signal="logtoku"), 1)
