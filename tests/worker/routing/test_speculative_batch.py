"""Speculative decoding of many texts at once: each is what it is alone, and the observer is told what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from benchtui.routing.names import Drafts
from benchtui.routing.records import Sampling, SpeculativeText
from benchtui.worker.answering.growing_batch import TextByText
from benchtui.worker.answering.next_token import Grown, Growth, TextGrower
from benchtui.worker.answering.protocol import Ids, Observer, Unobserved
from benchtui.worker.answering.stepped import SteppedBatch, SteppedModel
from benchtui.worker.answering.written import Answers, Asked
from benchtui.worker.routing import speculative
from benchtui.worker.routing.speculative import Speculation
from tests.worker.switching.pairs import END, Pair, counted_calls, opened_pair

TEXT = "the quick brown fox jumps over lazy dog cat sleeps in warm sun and counts to ten a b all day while"
WORDS = TEXT.split()
PROMPTS = [" ".join(WORDS[place : place + 1 + place % 5]) for place in range(12)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("batch"), noise=0.015) as opened:
        yield opened


class Several:
    """A `GrowingBatch` of texts that grow independently, of any model; counts the texts of each call."""

    def __init__(self, model: TextGrower, observer: Observer, rows: int) -> None:
        self._model, self._observer = model, observer
        self.rows = rows
        self._texts: dict[int, TextByText] = {}
        self._begun = 0
        self.calls: list[int] = []

    def begin(self) -> int:
        assert len(self._texts) < self.rows
        self._begun += 1
        self._texts[self._begun] = TextByText(self._model, self._observer)
        self._texts[self._begun].begin()
        return self._begun

    def ids(self, text: int) -> Ids:
        return self._texts[text].ids(0)

    def step(self, growths: Sequence[Growth]) -> list[Grown]:
        self.calls.append(len(growths))
        return [self._texts[each.text].step([Growth(0, each.ids, each.last)])[0] for each in growths]

    def cut(self, text: int, length: int) -> None:
        self._texts[text].cut(0, length)

    def end(self, text: int) -> None:
        del self._texts[text]


class Told(Unobserved):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.positions = 0
        self.read: list[int] = []
        self.written: list[int] = []

    def tokens(self, n: int) -> None:
        self.positions += n

    def prefilled(self, tokens: int, seconds: float) -> None:
        assert seconds > 0
        self.read.append(tokens)

    def decoded(self, tokens: int, seconds: float) -> None:
        assert seconds > 0
        self.written.append(tokens)


def asked(pair: Pair, sampling: Sampling, stops: Sequence[str] = ()) -> list[Asked]:
    """Texts of unlike lengths, some of which are sampled."""
    decode = pair.loaded[0].get_tokenizer().decode
    found = []
    for place, prompt in enumerate(PROMPTS):
        own = msgspec.structs.replace(sampling, max_new_tokens=3 + 5 * (place % 5), stop=tuple(stops))
        if place % 4 == 3:
            own = msgspec.structs.replace(own, temperature=0.8, top_p=0.9, seed=place)
        found.append(Asked(pair.ids(prompt), Answers(own, frozenset({END}), decode), place))
    return found


def written(
    texts: list[Asked],
    batches: Sequence[SteppedBatch],
    drafts: Drafts,
    observer: Observer | None = None,
) -> tuple[list[SpeculativeText], list[list[int]]]:
    """The texts in their order, and which were being written whenever others began."""
    found: dict[int, SpeculativeText] = {}
    started: list[list[int]] = []
    Speculation(batches[0], batches[1], drafts, observer, started.append).write(texts, found.__setitem__)
    return [found[place] for place in range(len(texts))], started


def several(pair: Pair, rows: int, observer: Observer | None = None) -> list[SteppedBatch]:
    """Room for texts that grow independently."""
    observer = observer or Unobserved()
    growers: list[Any] = [model._answering for model in pair.loaded]
    known = np.ones(len(pair.tokenizer), np.bool_)
    return [
        SteppedBatch(SteppedModel(label, grower, known, observer), Several(grower, observer, rows))
        for label, grower in zip("AB", growers, strict=True)
    ]


def same(found: Sequence[SpeculativeText], expected: Sequence[SpeculativeText]) -> bool:
    """Whether texts, who wrote them, and what was drafted are the same."""
    return all(
        (one.tokens, one.writers, one.rounds, one.ended) == (other.tokens, other.writers, other.rounds, other.ended)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("drafts", [1, 4, "auto"])
def test_no_text_depends_on_those_beside_it(pair: Pair, drafts: Drafts) -> None:
    texts = asked(pair, Sampling(), stops=["la"])
    alone, one_by_one = written(texts, several(pair, 1), drafts)
    assert [len(each) for each in one_by_one] == [1] * len(texts)
    for rows in (2, 5, 100):
        batches = several(pair, rows)
        found, started = written(texts, batches, drafts)
        assert same(found, alone)
        for text, other in zip(found, alone, strict=True):
            for cost, expected in zip(text.costs, other.costs, strict=True):
                assert msgspec.structs.replace(cost, seconds=0) == msgspec.structs.replace(expected, seconds=0)
        calls = [batch.batch.calls for batch in batches]  # type: ignore[attr-defined]
        assert max(map(max, calls)) == min(rows, 9), "9 of 12 are not sampled"
        assert {place for places in started for place in places} == set(range(len(texts)))
        # As many calls as rounds, not as rounds of all texts.
        assert len(calls[1]) < sum(len(each.rounds) for each in alone) / 1.4


@pytest.mark.parametrize("drafts", [1, 8])
def test_rows_of_one_forward_pass_write_what_they_write_alone(pair: Pair, drafts: Drafts) -> None:
    """Of transformers models in float32: rows of unlike lengths, which are cut back each by itself."""
    texts = asked(pair, Sampling(), stops=["la"])
    alone, _ = written(texts, several(pair, 1), drafts)
    for rows in (1, 4, 12):  # a batch size: texts that grow one token at a time may be more
        batches = [model.batch(rows, 64) for model in pair.stepped()]
        assert min(batch.rows for batch in batches) > 1
        with counted_calls(pair) as seen:
            found, _ = written(texts, batches, drafts)
        assert same(found, alone)
    assert len(seen[1]) < sum(len(each.rounds) for each in alone) / 2, "texts do not share forward passes"


def test_the_observer_is_told_of_every_prompt_and_every_token(pair: Pair) -> None:
    texts = asked(pair, Sampling())
    for rows in (1, 5):
        told = Told()
        found, _ = written(texts, several(pair, rows, told), 4, told)
        assert sum(told.read) == sum(len(text.prompt) for text in texts)
        # The first token of each belongs to the reading of its prompt.
        assert sum(told.written) == sum(len(text.tokens) - 1 for text in found)
        assert told.positions == sum(cost.positions for text in found for cost in text.costs)


def test_what_is_verified_at_once_is_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = asked(pair, Sampling())
    whole, _ = written(texts, several(pair, 12), 8)
    monkeypatch.setattr(speculative, "_VERIFIED", 20 * len(pair.tokenizer))
    batches = several(pair, 12)
    found, _ = written(texts, batches, 8)
    assert same(found, whole)
    calls = batches[1].batch.calls  # type: ignore[attr-defined]
    assert max(calls) < 9
    assert len(calls) < sum(len(each.rounds) for each in whole)
