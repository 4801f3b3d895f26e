"""Routed texts, many at once in one forward pass: each is what it is alone, and the observer is told what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pytest

from benchtui.routing.records import RoutedText, Sampling
from benchtui.routing.rules import RouteRule
from benchtui.worker.answering.next_token import OwnSettings
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.answering.stepped import SteppedModel
from benchtui.worker.answering.written import Answers, Asked
from benchtui.worker.routing.routed import Routing
from tests.worker.routing.one_text import write_routed
from tests.worker.routing.test_routed import DRAWN, GREEDY, SIGNALS
from tests.worker.switching.pairs import END, Pair, counted_calls, opened_pair

TEXT = "the quick brown fox jumps over lazy dog cat sleeps in warm sun and counts to ten a b all day while"
WORDS = TEXT.split()
SHOTS = " ".join(WORDS * 3)
PROMPTS = [" ".join(WORDS[place : place + 1 + place % 5]) for place in range(11)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("batch")) as opened:
        yield opened


class Told(Unobserved):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.positions = self.read = self.written = self.checks = 0

    def tokens(self, n: int) -> None:
        self.positions += n

    def prefilled(self, tokens: int, seconds: float) -> None:
        assert seconds > 0
        self.read += tokens

    def decoded(self, tokens: int, seconds: float) -> None:
        assert seconds > 0
        self.written += tokens

    def check(self) -> None:
        self.checks += 1


def asked(pair: Pair, sampling: Sampling, prompts: Sequence[str] = PROMPTS) -> list[Asked]:
    """Texts of unlike lengths."""
    decode = pair.loaded[0].get_tokenizer().decode
    return [
        Asked(
            pair.ids(prompt),
            Answers(
                msgspec.structs.replace(sampling, max_new_tokens=3 + 5 * (place % 5)), frozenset({END}), decode, 200
            ),
            place,
        )
        for place, prompt in enumerate(prompts)
    ]


def written(
    pair: Pair, texts: list[Asked], rule: RouteRule, rows: int | None, told: Told | None = None
) -> tuple[list[RoutedText], list[list[int]]]:
    observer = told or Told()
    known = pair.stepped()[0]._known
    small, large = (
        SteppedModel(label, model._answering, known, observer).batch(rows, 200)  # type: ignore[arg-type]
        for label, model in zip("AB", pair.loaded, strict=True)
    )
    found: dict[int, RoutedText] = {}
    started: list[list[int]] = []
    Routing(small, large, rule, observer, started.append).write(texts, found.__setitem__)
    return [found[place] for place in range(len(texts))], started


def same(found: RoutedText, alone: RoutedText) -> None:
    """All that one text is and has cost, but for the time, and what it shared with others."""
    assert (found.tokens, found.writers, found.ended, found.response) == (
        alone.tokens,
        alone.writers,
        alone.ended,
        alone.response,
    )
    np.testing.assert_allclose(found.signals, alone.signals, atol=1e-5)
    for cost, expected in zip(found.costs, alone.costs, strict=True):
        assert (cost.model, cost.calls, cost.positions, cost.chosen, cost.discarded) == (
            expected.model,
            expected.calls,
            expected.positions,
            expected.chosen,
            expected.discarded,
        )


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_no_text_depends_on_those_beside_it(pair: Pair, signal: str, sampling: Sampling) -> None:
    texts = asked(pair, sampling)
    seen: set[str] = set()
    values = written(pair, texts, RouteRule(signal, np.inf), None)[0]  # type: ignore[arg-type]
    middle = float(np.median(np.concatenate([text.signals for text in values]))) + 1e-4
    for threshold, hold in ((0.0, 1), (middle, 1), (middle, 3), (np.inf, 1)):
        rule = RouteRule(signal, threshold, hold)  # type: ignore[arg-type]
        alone = [write_routed(*pair.stepped(), each.prompt, each.answers, rule, each.document) for each in texts]
        for rows in (1, None):
            found, started = written(pair, texts, rule, rows)
            for one, other in zip(found, alone, strict=True):
                same(one, other)
            assert max(map(len, started)) == (4 if rows == 1 else len(texts))
        seen |= {"".join(sorted(set(text.writers))) for text in alone}
    assert seen == {"a", "b", "ab"}


def test_a_common_beginning_is_read_once_by_each_model(pair: Pair) -> None:
    texts = asked(pair, GREEDY, [f"{SHOTS} {prompt}" for prompt in PROMPTS[:4]])
    rule = RouteRule("margin", 0.8)
    alone = [write_routed(*pair.stepped(), each.prompt, each.answers, rule, each.document) for each in texts]
    told = Told()
    with counted_calls(pair) as seen:
        found, _ = written(pair, texts, rule, None, told)
    for one, other in zip(found, alone, strict=True):
        same(one, other)
    read = sum(cost.positions for text in found for cost in text.costs)
    shared = 2 * len(pair.ids(SHOTS)) * (len(texts) - 1)
    assert told.positions < read - 0.9 * shared
    assert told.positions == sum(map(sum, seen))


def test_the_observer_is_told_of_every_prompt_and_every_token(pair: Pair) -> None:
    texts = asked(pair, GREEDY)
    for rows in (1, None):
        told = Told()
        found, started = written(pair, texts, RouteRule("margin", 0.8), rows, told)
        assert told.read == sum(len(text.prompt) for text in texts)
        # The first token of each belongs to the reading of its prompt.
        assert told.written == sum(len(text.tokens) - 1 for text in found)
        assert told.checks > max(len(text.tokens) for text in found)
        assert {place for places in started for place in places} == set(range(len(texts)))


class Stopped(Exception):  # noqa: N818
    pass


def test_what_the_observer_raises_ends_it_at_once(pair: Pair) -> None:
    class Cancelled(Told):
        def tokens(self, n: int) -> None:
            super().tokens(n)
            if self.positions > 60:
                raise Stopped

    told = Cancelled()
    with pytest.raises(Stopped):
        written(pair, asked(pair, GREEDY), RouteRule("margin", 0.8), None, told)
    assert told.positions < 60 + 64


def test_each_model_ends_what_it_writes_at_its_own_tokens(pair: Pair) -> None:
    """A token at which the small model alone ends an answer does not end one of the large model, and the reverse."""
    decode = pair.loaded[0].get_tokenizer().decode
    prompt = pair.ids(PROMPTS[0])
    for threshold, side in ((np.inf, "a"), (0.0, "b")):
        rule = RouteRule("margin", threshold)
        plain = Answers(GREEDY, frozenset({END}), decode)
        whole = write_routed(*pair.stepped(), prompt, plain, rule, 3)
        end = whole.tokens[4]
        for ends in ("a", "b"):
            of = {each: OwnSettings(GREEDY, frozenset({end if each == ends else END})) for each in "ab"}
            answers = Answers(GREEDY, frozenset({END, end}), decode, own=of)  # type: ignore[arg-type]
            found = write_routed(*pair.stepped(), prompt, answers, rule, 3)
            expected = whole.tokens[: whole.tokens.index(end) + 1] if ends == side else whole.tokens
            assert found.tokens == expected
