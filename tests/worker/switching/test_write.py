"""Texts that two models write by turns, against the rule applied token by token with two full forward passes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import entropy

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Sampling, SwitchedText
from benchtui.routing.rules import SwitchRule
from benchtui.worker.answering.growing_text import RecomputedText
from benchtui.worker.answering.written import Answers
from benchtui.worker.switching.write import Block, Writing, write_switched
from tests.worker.switching.pairs import END, Pair, counted_calls, naive, opened_pair

PROMPTS = ("the quick brown", "and counts to ten while the cat", "a")
RULES = (
    SwitchRule("js", up=0.06, down=0.05),
    SwitchRule("js", up=0.1, down=0.03),
    SwitchRule("js", up=0.05, down=0.0),
    SwitchRule("js", up=0.05, down=0.05, min_stay=5),
    SwitchRule("js", up=0.6, down=0.3),
    SwitchRule("js", up=0.06, down=0.05, start="b"),
)
GREEDY = Sampling(max_new_tokens=40)
DRAWN = Sampling(temperature=0.9, top_k=60, top_p=0.95, min_p=0.01, max_new_tokens=40, seed=7)
BLOCKS: tuple[Block, ...] = (1, 4, 8, "auto")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("switching")) as opened:
        yield opened


def write(
    pair: Pair, prompt: str, rule: SwitchRule, sampling: Sampling, block: Block, *, end: int = END, window: int = 0
) -> SwitchedText:
    decode = pair.loaded[0].get_tokenizer().decode
    writing = Writing(rule, Answers(sampling, frozenset({end}), decode, window), block)
    return write_switched(*pair.stepped(), pair.ids(prompt), writing, document=3)


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_text_and_switch_points_are_those_of_the_rule_token_by_token(pair: Pair, sampling: Sampling) -> None:
    switches = 0
    for prompt in PROMPTS:
        for rule in RULES:
            expected = naive(pair, pair.ids(prompt), rule, sampling)
            for block in BLOCKS:
                found = write(pair, prompt, rule, sampling, block)
                assert list(found.tokens) == expected.tokens, (prompt, rule, block)
                points = [(point.position, point.from_model, point.to_model) for point in found.switch_points]
                assert points == expected.switches
                np.testing.assert_allclose(found.divergences, expected.divergences, atol=1e-5)
                assert found.ended == expected.ended
            switches += len(expected.switches)
    assert switches > 20, "the rule has hardly anything to do here"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_text_ends_inside_a_block_where_it_does_token_by_token(pair: Pair, block: Block) -> None:
    rule, prompt = RULES[0], PROMPTS[0]
    whole = naive(pair, pair.ids(prompt), rule, GREEDY)
    place = next(place for place, token in enumerate(whole.tokens) if place > 4 and token not in whole.tokens[:place])
    by_token = write(pair, prompt, rule, GREEDY, block, end=whole.tokens[place])
    assert (list(by_token.tokens), by_token.ended) == (whole.tokens[: place + 1], "end")
    assert by_token.response == pair.tokenizer.decode(whole.tokens[:place], skip_special_tokens=True)
    written = pair.tokenizer.decode(whole.tokens[: place + 1], skip_special_tokens=True)
    stopping = Sampling(max_new_tokens=40, stop=("never", written[-3:]))
    expected = naive(pair, pair.ids(prompt), rule, stopping)
    by_stop = write(pair, prompt, rule, stopping, block)
    assert (list(by_stop.tokens), by_stop.ended) == (expected.tokens, "stop")
    assert by_stop.response == written[: written.index(written[-3:])]
    for most in (1, 5, 6):
        short = write(pair, prompt, rule, Sampling(max_new_tokens=most), block)
        assert (list(short.tokens), short.ended) == (whole.tokens[:most], "length")
    full = write(pair, prompt, rule, GREEDY, block, window=len(pair.ids(prompt)) + 6)
    assert (list(full.tokens), full.ended) == (whole.tokens[:6], "window")


def test_a_prompt_that_fills_the_window_is_refused(pair: Pair) -> None:
    with pytest.raises(BenchtuiError, match="leaves no room in a window of 2"):
        write(pair, PROMPTS[0], RULES[0], GREEDY, 1, window=2)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_reported_as_cost_is_what_hooks_count(pair: Pair, block: Block) -> None:
    with counted_calls(pair) as seen:
        found = write(pair, PROMPTS[1], RULES[0], GREEDY, block)
    for cost, counts in zip(found.costs, seen, strict=True):
        assert (cost.calls, cost.positions) == (len(counts), sum(counts))
        # Every position is of the text, without its last token, or was dropped again.
        assert cost.positions - cost.discarded == len(pair.ids(PROMPTS[1])) + len(found.tokens) - 1
    assert sum(cost.chosen for cost in found.costs) == len(found.tokens) == len(found.writers)
    assert [cost.chosen for cost in found.costs] == [found.writers.count(side) for side in "ab"]
    assert sum(length for _, length in found.run_lengths) == len(found.tokens)
    if block == 1:
        assert not any(cost.discarded for cost in found.costs)


def test_blocks_ask_the_other_model_seldom_where_texts_seldom_switch(pair: Pair) -> None:
    never = SwitchRule("js", up=0.6, down=0.3)
    by_token, automatic = (write(pair, PROMPTS[0], never, GREEDY, block) for block in (1, "auto"))
    assert by_token.costs[1].calls == len(by_token.tokens)
    assert automatic.costs[1].calls <= len(automatic.tokens) / 3


def test_an_exception_of_the_other_model_is_no_text_without_switches(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(observer: object) -> None:
        raise BenchtuiError("The second model is broken.")

    monkeypatch.setattr(pair.loaded[1]._answering, "grow", broken)
    with pytest.raises(BenchtuiError, match="The second model is broken"):
        write(pair, PROMPTS[0], RULES[4], GREEDY, "auto")


def test_models_whose_cache_cannot_be_cut_write_the_same(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = write(pair, PROMPTS[0], RULES[0], DRAWN, 4)
    for model in pair.loaded:
        distributions = model._answering.distributions  # type: ignore[attr-defined]
        monkeypatch.setattr(model._answering, "grow", lambda observer, of=distributions: RecomputedText(of, observer))
    found = write(pair, PROMPTS[0], RULES[0], DRAWN, 4)
    assert (found.tokens, found.writers) == (expected.tokens, expected.writers)
    assert found.costs[0].positions > expected.costs[0].positions


def test_only_known_ids_have_a_probability(pair: Pair) -> None:
    count = len(pair.tokenizer) - 40
    first, second = pair.stepped(known=count)
    ids = pair.ids(PROMPTS[0])
    row = first.begin().read(ids, 1)[0]
    assert row.shape == (count,)
    assert np.exp(row).sum() == pytest.approx(1)
    assert 0 < first.removed < 1
    assert second.removed == 0.0


def test_other_divergences_switch_elsewhere_and_each_as_by_hand(pair: Pair) -> None:
    def kl(first: np.ndarray, second: np.ndarray) -> float:
        return float(entropy(first, second))

    def tv(first: np.ndarray, second: np.ndarray) -> float:
        return float(abs(first - second).sum() / 2)

    measures = {"kl": kl, "kl-reverse": lambda first, second: kl(second, first), "tv": tv}
    for kind, measure in measures.items():
        rule = SwitchRule(kind, up=0.28, down=0.2)  # type: ignore[arg-type]
        expected = naive(pair, pair.ids(PROMPTS[1]), rule, GREEDY, measure=measure)
        found = write(pair, PROMPTS[1], rule, GREEDY, 4)
        assert list(found.tokens) == expected.tokens
        assert expected.switches, kind
        np.testing.assert_allclose(found.divergences, expected.divergences, rtol=1e-4, atol=1e-5)
