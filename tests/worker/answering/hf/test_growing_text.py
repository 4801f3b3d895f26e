"""Growing texts: the same distributions as from scratch, token by token, after cutting and after forking."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.growing_text import grow
from benchtui.worker.answering.next_token import GrowingText
from benchtui.worker.answering.protocol import OutOfMemoryError
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import Watcher
from tests.worker.answering.hf.test_distributions import TOLERANCE, expected, room_for, text

CACHED = zoo.FULL | zoo.PREFIXES


def begin(model: Any, watcher: Watcher | None = None, **settings: Any) -> GrowingText:
    return grow(TextDistributions(model, zoo.WINDOW, **settings), watcher or Watcher())


def check(growing: GrowingText, rows: Any, model: Any) -> None:
    """The last distributions are those of a forward pass over the whole text."""
    np.testing.assert_allclose(rows, expected(model, growing.ids)[-len(rows) :], atol=TOLERANCE)


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_every_family_grows_as_if_computed_from_scratch(family: str) -> None:
    """A prompt, then token by token; cut back inside the prompt; forked, and both grown on."""
    model = zoo.make_model(family)
    watcher = Watcher()
    growing = begin(model, watcher)
    check(growing, growing.step(text(2 * zoo.SLIDING)), model)
    for token in text(6, seed=1):
        check(growing, growing.step([token]), model)
    growing.cut(zoo.SLIDING + 3)
    assert len(growing.ids) == zoo.SLIDING + 3
    check(growing, growing.step(text(5, seed=2)), model)
    other = growing.fork()
    for token in text(3, seed=3):
        check(growing, growing.step([token]), model)
        check(other, other.step([token + 1, token]), model)
    assert growing.ids != other.ids
    again = [why for what, choice, why in watcher.decisions if (what, choice) == AGAIN]
    if family in CACHED:
        assert again == []
        assert sum(watcher.counts) == 2 * zoo.SLIDING + 6 + 5 + 3 + 6, "no token is computed twice"
    else:
        assert again == ["recurrent layers keep a state that cannot be shared or cut"]


AGAIN = ("growing text", "computed again at each step")


@pytest.mark.parametrize("family", ["llama", "gemma3", "mistral", "gpt2"])
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_steps_forks_and_cuts(family: str, seed: int) -> None:
    model = zoo.make_model(family)
    chance = random.Random(seed)  # noqa: S311
    watcher = Watcher()
    texts = [begin(model, watcher)]
    appended = 0
    for _ in range(50):
        growing = chance.choice(texts)
        choice = chance.random()
        if choice < 0.2 and len(texts) < 6:
            texts.append(growing.fork())
        elif choice < 0.4:
            growing.cut(chance.randint(0, len(growing.ids)))
        elif len(growing.ids) < zoo.WINDOW - 30:
            new = text(chance.choice([1, 1, 2, 30]), seed=chance.randrange(10**6))
            appended += len(new)
            check(growing, growing.step(new), model)
        elif len(texts) > 1:
            texts.remove(growing)
    assert sum(watcher.counts) == appended, "no token is computed twice"


def test_after_a_long_prompt_only_what_is_asked_for_is_given() -> None:
    model = zoo.make_model("llama")
    growing = begin(model)
    rows = growing.step(text(100), last=2)
    assert rows.shape == (2, zoo.VOCABULARY)
    check(growing, rows, model)
    for last in (0, 3):
        with pytest.raises(ValueError, match=f"{last} distributions of 2 new tokens"):
            growing.step([5, 6], last=last)
    with pytest.raises(ValueError, match="0 new tokens"):
        growing.step([])
    with pytest.raises(ValueError, match="cannot be cut to 101"):
        growing.cut(101)
    assert growing.ids == text(100)


@pytest.mark.parametrize("family", ["llama", "bamba"])
def test_a_text_that_does_not_fit_is_unchanged(family: str) -> None:
    model = zoo.make_model(family)
    growing = begin(model)
    growing.step(text(8))
    with room_for(model, 0), pytest.raises(OutOfMemoryError):
        growing.step(text(30, seed=1))
    with pytest.raises(BenchtuiError, match="longer than the model's window"):
        growing.step(text(zoo.WINDOW))
    assert growing.ids == text(8)
    check(growing, growing.step(text(4, seed=2)), model)


def test_beyond_the_length_where_rotary_embeddings_change_it_is_computed_again() -> None:
    """After a cut to less than that length, what is cached is used again."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 40}
    model = zoo.make_model("llama", rope_parameters=rope, max_position_embeddings=40)
    watcher = Watcher()
    growing = begin(model, watcher)
    check(growing, growing.step(text(38)), model)
    for token in text(5, seed=1):
        check(growing, growing.step([token]), model)
    assert [why for what, choice, why in watcher.decisions if (what, choice) == AGAIN] == [
        "beyond 40 tokens the rotary embedding depends on the length"
    ]
    growing.cut(37)
    computed = sum(watcher.counts)
    check(growing, growing.step([7]), model)
    assert sum(watcher.counts) == computed + 1


def test_an_adapter_on_and_off_keep_caches_apart() -> None:
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["k_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    model = get_peft_model(zoo.make_model("llama"), config).eval()
    tuned, base = begin(model), begin(model, as_planned=model.disable_adapter)
    for new in (text(20), [5], [6, 7]):
        first, second = tuned.step(new), base.step(new)
        assert np.abs(first - second).max() > 0.01
        check(tuned, first, model)
        with model.disable_adapter():
            check(base, second, model)
