"""What the output head reads, and the head apart from it: together they are transformers' own logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.states.text_states import TextStates
from benchtui.worker.answering.protocol import OutOfMemoryError, Unobserved
from benchtui.worker.not_a_number import NotANumberError
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import Watcher
from tests.worker.answering.hf.test_distributions import TOLERANCE, expected, room_for, text

PROMPT = text(40, seed=9)
TEXTS = [
    (text(60, seed=1), 1),
    (text(5, seed=2), 4),
    ([*PROMPT, *text(20, seed=3)], 40),
    ([*PROMPT, *text(31, seed=4)], 40),
    ([*PROMPT, *text(20, seed=3)], 3),  # read once with the one above, and scored from elsewhere
    (text(2, seed=5), 1),
]


def states_of(model: Any, texts: Any = TEXTS, observer: Any = None, **settings: Any) -> list[torch.Tensor]:
    """The states of each text; each text once."""
    states = TextStates(TextDistributions(model, zoo.WINDOW, **settings))
    found: dict[int, torch.Tensor] = {}
    for number, hidden in states.of(texts, observer or Unobserved()):
        assert number not in found
        assert hidden.first == texts[number][1]
        found[number] = hidden.states
    return [found[number] for number in range(len(texts))]


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_every_family_gives_what_transformers_gives(family: str) -> None:
    model = zoo.make_model(family)
    states = TextStates(TextDistributions(model, zoo.WINDOW))
    assert states.why_not == ""
    assert len(states.digest()) == 16
    found = dict(states.of(TEXTS, Unobserved()))
    for number, (ids, first) in enumerate(TEXTS):
        logits = states.logits(found[number].states)
        assert logits.dtype == torch.float32
        wanted = expected(model, ids)[first - 1 : -1]
        np.testing.assert_allclose(torch.log_softmax(logits, -1).numpy(), wanted, atol=TOLERANCE)


@pytest.mark.parametrize("family", ["llama", "gptj", "bamba"])
def test_the_same_texts_give_the_same_bits(family: str) -> None:
    one, other = (states_of(zoo.make_model(family)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_prefixes_are_read_once_and_texts_share_a_pass() -> None:
    model, calls = zoo.make_model("llama"), []
    states = TextStates(TextDistributions(model, zoo.WINDOW))
    answers = [([*PROMPT, *text(4, seed=seed)], 40) for seed in range(30)]
    with model.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: calls.append(kwargs["input_ids"].numel()), with_kwargs=True
    ):
        list(states.of(answers, Unobserved()))
    assert sum(calls) <= 40 + 30 * 4
    assert len(calls) <= 3


def test_when_memory_runs_out_they_are_read_in_smaller_pieces() -> None:
    model = zoo.make_model("llama")
    wanted, watcher = states_of(model), Watcher()
    with room_for(model, 80):
        found = states_of(model, observer=watcher)
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=TOLERANCE)
    assert any("memory ran out" in why for _, _, why in watcher.decisions)


@pytest.mark.parametrize("family", ["llama", "bamba"])
def test_what_does_not_fit_at_all_is_named(family: str) -> None:
    model = zoo.make_model(family)
    with room_for(model, 10), pytest.raises(OutOfMemoryError, match="does not fit"):
        states_of(model)


@pytest.mark.parametrize("family", ["llama", "gemma2", "cohere"])
def test_in_bfloat16_states_keep_their_precision_and_the_head_is_in_float32(family: str) -> None:
    model = zoo.make_model(family).to(torch.bfloat16)
    distributions = TextDistributions(model, zoo.WINDOW)
    states = TextStates(distributions)
    ids = text(30)
    ((_, found),) = states.of([(ids, 1)], Unobserved())
    assert found.states.dtype == torch.bfloat16
    rows = torch.log_softmax(states.logits(found.states), -1).numpy()
    whole = np.concatenate([chunk.logprobs for chunk in distributions.of(ids, 1, Unobserved())])[:-1]
    np.testing.assert_allclose(rows, whole, atol=0.05)  # the layers round otherwise without the last token


def adapted(**config: Any) -> Any:
    torch.manual_seed(1)
    return get_peft_model(
        zoo.make_model("llama"), LoraConfig(r=4, init_lora_weights=False, task_type="CAUSAL_LM", **config)
    ).eval()


def digest(model: Any, **settings: Any) -> str:
    return TextStates(TextDistributions(model, zoo.WINDOW, **settings)).digest()


def test_a_digest_is_that_of_the_head_alone() -> None:
    base = digest(zoo.make_model("llama"))
    tuned = adapted(target_modules=["q_proj"])
    assert digest(tuned) == base
    changed = zoo.make_model("llama")
    with torch.no_grad():
        changed.get_output_embeddings().weight[5, 7] += 1e-3
    assert digest(changed) != base
    assert digest(zoo.make_model("llama").to(torch.bfloat16)) != base


def test_a_digest_holds_the_numbers_behind_the_projection() -> None:
    for family, name in (
        ("gemma2", "final_logit_softcapping"),
        ("cohere", "logit_scale"),
        ("granite", "logits_scaling"),
    ):
        one, other = zoo.make_model(family), zoo.make_model(family)
        setattr(other.config, name, 7.5)
        if hasattr(other, name):
            setattr(other, name, 7.5)
        assert digest(one) != digest(other), family


def test_an_adapter_with_a_head_of_its_own_has_another_digest() -> None:
    tuned = adapted(target_modules=["q_proj"], modules_to_save=["lm_head"])
    with torch.no_grad():
        tuned.base_model.model.lm_head.modules_to_save["default"].weight += 0.01
    base = digest(zoo.make_model("llama"))
    assert digest(tuned) != base
    assert digest(tuned, as_planned=tuned.disable_adapter) == base
    states = TextStates(TextDistributions(tuned, zoo.WINDOW))
    assert states.why_not == ""


def test_a_head_under_an_adapter_is_refused_by_name() -> None:
    tuned = adapted(target_modules=["q_proj", "lm_head"])
    assert "not a plain matrix" in TextStates(TextDistributions(tuned, zoo.WINDOW)).why_not
    base = TextStates(TextDistributions(tuned, zoo.WINDOW, as_planned=tuned.disable_adapter))
    assert base.why_not == ""
    assert base.digest() == digest(zoo.make_model("llama"))


def test_virtual_tokens_are_refused_by_name() -> None:
    model = get_peft_model(
        zoo.make_model("llama"), PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    ).eval()
    assert "virtual tokens" in TextStates(TextDistributions(model, zoo.WINDOW)).why_not


def test_an_adapter_on_and_off_are_two_models_on_the_same_weights() -> None:
    tuned = adapted(target_modules=["q_proj", "down_proj"])
    on, off = states_of(tuned), states_of(tuned, as_planned=tuned.disable_adapter)
    assert all(torch.equal(a, b) for a, b in zip(off, states_of(zoo.make_model("llama")), strict=True))
    assert not torch.allclose(on[0], off[0], atol=0.01)


def test_nan_is_an_error() -> None:
    model = zoo.make_model("llama")
    with torch.no_grad():
        model.model.norm.weight[3] = float("nan")
    with pytest.raises(NotANumberError):
        states_of(model)


def test_places_outside_the_text_are_refused() -> None:
    states = TextStates(TextDistributions(zoo.make_model("llama"), 64))
    for first in (0, 5):
        with pytest.raises(ValueError, match="must be 1 to 4"):
            states.of([(text(5), first)], Unobserved())
    with pytest.raises(BenchtuiError, match="longer than the model's window of 64"):
        states.of([(text(66), 1)], Unobserved())
    list(states.of([(text(65), 1)], Unobserved()))
