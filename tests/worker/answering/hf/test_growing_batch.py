"""Texts that grow together: each gives what it gives alone, whatever grows beside it, and what it cost is counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.growing_batch import TextByText
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine.batching import RequestedBatch
from benchtui.worker.answering.hf.growing_batch import TextRows, grow_batch
from benchtui.worker.answering.hf.growing_text import grow
from benchtui.worker.answering.next_token import GrowingBatch, Grown, Growth
from benchtui.worker.answering.protocol import BatchTooLargeError, OutOfMemoryError
from benchtui.worker.not_a_number import NotANumberError
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import Watcher
from tests.worker.answering.hf.test_distributions import TOLERANCE, expected, room_for, text


class Model:
    """A network whose texts grow."""

    def __init__(self, network: Any) -> None:
        self.distributions = TextDistributions(network, zoo.WINDOW)

    def grow(self, observer: Any) -> Any:
        return grow(self.distributions, observer)

    def batch(self, rows: int | None = None, watcher: Watcher | None = None, longest: int = zoo.WINDOW) -> GrowingBatch:
        return grow_batch(self, self.distributions, RequestedBatch(rows, longest), watcher or Watcher())


@contextlib.contextmanager
def passes(network: Any) -> Iterator[list[tuple[int, int]]]:
    """The rows and columns of every forward pass, counted by a hook on the first layer."""
    seen: list[tuple[int, int]] = []

    def count(_module: Any, args: Any) -> None:
        seen.append(tuple(args[0].shape[:2]))

    with network.model.layers[0].register_forward_pre_hook(count):
        yield seen


def check(network: Any, batch: GrowingBatch, growths: list[Growth], found: list[Grown]) -> None:
    """The distributions are those of a forward pass over each whole text."""
    for growth, grown in zip(growths, found, strict=True):
        wanted = expected(network, list(batch.ids(growth.text)))[-growth.last :]
        np.testing.assert_allclose(grown.logprobs, wanted, atol=TOLERANCE)


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_every_family_grows_in_a_batch_as_alone(family: str) -> None:
    network, watcher = zoo.make_model(family), Watcher()
    batch = Model(network).batch(8, watcher)
    decided = {choice: why for what, choice, why in watcher.decisions if what == "growing texts"}
    if isinstance(batch, TextByText):
        assert list(decided) == ["one by one"]
        assert decided["one by one"]
        assert family not in zoo.FULL
        return
    texts = [batch.begin() for _ in range(4)]
    steps = [
        [
            Growth(one, text(length, seed=one), min(2, length))
            for one, length in zip(texts, (60, 5, 41, 1), strict=True)
        ],
        [Growth(one, text(1, seed=9 + one)) for one in texts],
        [Growth(texts[2], text(3, seed=20), 3), Growth(texts[0], text(1, seed=21))],
        [Growth(texts[3], text(30, seed=22), 2), Growth(texts[1], text(2, seed=23), 2), Growth(texts[0], [7])],
    ]
    for growths in steps:
        check(network, batch, growths, batch.step(growths))
    batch.cut(texts[0], zoo.SLIDING + 3)
    batch.cut(texts[1], 0)
    batch.end(texts[2])
    other = batch.begin()
    growths = [Growth(texts[0], [3, 4], 2), Growth(texts[1], text(7, seed=30)), Growth(other, text(50, seed=31), 3)]
    check(network, batch, growths, batch.step(growths))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["step", "step", "step", "cut", "end", "begin"]),
        st.lists(st.integers(0, 4), min_size=5, max_size=5),
        st.integers(0, 2**16),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def networks() -> dict[str, tuple[Any, Model]]:
    made = {family: zoo.make_model(family) for family in ("llama", "gemma3")}
    return {family: (network, Model(network)) for family, network in made.items()}


@pytest.mark.parametrize("family", ["llama", "gemma3"])
@settings(max_examples=12, deadline=None)
@given(actions=ACTIONS)
def test_any_order_of_steps_and_cuts(networks: dict[str, tuple[Any, Model]], family: str, actions: Any) -> None:
    """Texts with common beginnings among them; all that is computed is accounted for, text by text."""
    network, model = networks[family]
    watcher = Watcher()
    batch = model.batch(1, watcher, longest=90)
    assert isinstance(batch, TextRows)
    texts = [batch.begin(), batch.begin()]
    before = sum(watcher.counts)
    told = 0
    with passes(network) as seen:
        for what, counts, seed in actions:
            one = texts[seed % len(texts)] if texts else None
            if what == "begin" and len(texts) < batch.rows:
                texts.append(batch.begin())
            elif one is None:
                continue
            elif what == "end":
                batch.end(one)
                texts.remove(one)
            elif what == "cut":
                batch.cut(one, seed % (len(batch.ids(one)) + 1))
            elif what == "step":
                growths = [
                    Growth(each, new, 1 + seed % len(new))
                    for each, count in zip(texts, counts, strict=False)
                    # new texts begin alike, and part somewhere
                    if (new := text(70 + count)[: 70 * (not batch.ids(each))] + text(count, seed=seed + each))
                    and len(batch.ids(each)) + len(new) < 90
                ]
                had = {growth.text: list(batch.ids(growth.text)) for growth in growths}
                measured = len(seen)
                found = batch.step(growths)
                seen_now = sum(rows * columns for rows, columns in seen[measured:])
                told += seen_now
                assert seen_now == sum(each.positions - each.shared + each.padding for each in found)
                for growth, grown in zip(growths, found, strict=True):
                    assert list(batch.ids(growth.text)) == [*had[growth.text], *growth.ids]
                    assert grown.positions == len(growth.ids)
                check(network, batch, growths, found)
    assert sum(watcher.counts) - before == told


def test_a_common_beginning_is_read_once_and_what_a_text_left_is_used_again() -> None:
    network, watcher = zoo.make_model("llama"), Watcher()
    batch = Model(network).batch(1, watcher)
    shots = text(100)
    prompts = [[*shots, *text(5 + place, seed=place)] for place in range(3)]
    with passes(network) as seen:
        growths = [Growth(batch.begin(), prompt) for prompt in prompts]
        found = batch.step(growths)
    check(network, batch, growths, found)
    assert seen == [(1, 100), (3, 7)]
    assert [each.positions for each in found] == [105, 106, 107]
    assert sorted(each.shared for each in found) == [0, 100, 100]
    assert [each.padding for each in found] == [2, 1, 0]
    batch.end(growths[1].text)
    batch.end(growths[2].text)
    later = [Growth(batch.begin(), [*shots, *text(4, seed=9)]), Growth(batch.begin(), prompts[1], 2)]
    with passes(network) as seen:
        found = batch.step(later)
    check(network, batch, later, found)
    assert seen == [(2, 4)]
    assert [each.shared for each in found] == [100, 104], (
        "the last tokens are read again: their distributions are asked"
    )


def test_rows_that_miss_much_are_not_read_with_those_that_miss_little() -> None:
    network = zoo.make_model("llama")
    batch = Model(network).batch(1)
    texts = [batch.begin() for _ in range(4)]
    batch.step([Growth(one, text(10, seed=one)) for one in texts])
    growths = [Growth(one, text(100 if one == texts[1] else 1, seed=8 + one)) for one in texts]
    with passes(network) as seen:
        found = batch.step(growths)
    check(network, batch, growths, found)
    assert sorted(seen) == [(1, 100), (3, 1)]


def test_where_memory_runs_out_fewer_are_read_at_a_time() -> None:
    network, watcher = zoo.make_model("llama"), Watcher()
    batch = Model(network).batch(1, watcher)
    growths = [Growth(batch.begin(), text(20, seed=place), 2) for place in range(4)]
    with room_for(network, 48):
        found = batch.step(growths)
    check(network, batch, growths, found)
    assert [choice for what, choice, _ in watcher.decisions if what == "tokens per forward pass"][1:] == ["40"]
    with room_for(network, 0), pytest.raises(BatchTooLargeError, match="does not fit"):
        batch.step([Growth(growths[0].text, text(20)), Growth(growths[1].text, [5])])
    for growth in growths:
        assert batch.ids(growth.text) == growth.ids
    growths = [Growth(growth.text, [5, 6], 2) for growth in growths]
    check(network, batch, growths, batch.step(growths))


def test_one_row_that_does_not_fit_is_too_much_at_all() -> None:
    network = zoo.make_model("llama")
    model = Model(network)
    batch = TextRows(model.distributions, model.distributions.capabilities.decode_masks, 1, Watcher())
    with room_for(network, 0), pytest.raises(OutOfMemoryError):
        batch.step([Growth(batch.begin(), text(20))])


def test_what_cannot_be_done_is_refused_and_changes_nothing() -> None:
    network = zoo.make_model("llama")
    batch = Model(network).batch(1)
    first, second = batch.begin(), batch.begin()
    batch.step([Growth(first, text(8))])
    with pytest.raises(BenchtuiError, match="longer than the model's window"):
        batch.step([Growth(second, [5]), Growth(first, text(zoo.WINDOW))])
    with pytest.raises(ValueError, match="0 distributions of 1"):
        batch.step([Growth(first, [5], 0)])
    with pytest.raises(ValueError, match="twice"):
        batch.step([Growth(first, [5]), Growth(first, [6])])
    with pytest.raises(ValueError, match="cut to 9 tokens: there are 8"):
        batch.cut(first, 9)
    batch.end(second)
    with pytest.raises(ValueError, match="no text with the number"):
        batch.step([Growth(second, [5])])
    assert batch.ids(first) == text(8)
    for _ in range(batch.rows - 1):
        batch.begin()
    with pytest.raises(ValueError, match=f"{batch.rows} texts already"):
        batch.begin()
    with torch.no_grad():
        network.lm_head.weight[5] = torch.nan
    with pytest.raises(NotANumberError):
        batch.step([Growth(first, [5])])
    assert batch.ids(first) == text(8)


def test_beyond_the_length_where_rotary_embeddings_change_texts_grow_one_by_one() -> None:
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 40}
    network = zoo.make_model("llama", rope_parameters=rope, max_position_embeddings=40)
    watcher = Watcher()
    model = Model(network)
    assert isinstance(model.batch(8, watcher, longest=40), TextRows)
    assert isinstance(model.batch(8, watcher, longest=41), TextByText)
    assert ("growing texts", "one by one", "beyond 40 tokens the rotary embedding depends on the length") in (
        watcher.decisions
    )
