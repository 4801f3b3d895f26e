"""Next-token distributions of given texts: those of transformers' own forward pass, however they are computed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import T5Config, T5ForConditionalGeneration

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine import output_head
from benchtui.worker.answering.protocol import OutOfMemoryError, Unobserved
from benchtui.worker.not_a_number import NotANumberError
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import Watcher

TOLERANCE = 1e-4


def text(length: int, seed: int = 0) -> list[int]:
    """Token ids that none of the models was told about before."""
    chance = random.Random(seed)  # noqa: S311
    return [chance.randrange(3, zoo.VOCABULARY) for _ in range(length)]


def expected(model: Any, ids: list[int]) -> np.ndarray[Any, Any]:
    """What transformers' own forward pass gives: [len(ids), vocabulary], after each token."""
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, -len(ids) :]
    return torch.log_softmax(logits.float(), dim=-1).numpy()


def given(distributions: TextDistributions, ids: list[int], first: int = 1, observer: Any = None) -> Any:
    """All chunks, joined; each begins where the one before it ended."""
    rows, place = [], first
    for chunk in distributions.of(ids, first, observer or Unobserved()):
        assert chunk.first == place
        assert chunk.logprobs.dtype == np.float32
        rows.append(chunk.logprobs)
        place += len(chunk.logprobs)
    assert place == len(ids) + 1
    return np.concatenate(rows)


@contextlib.contextmanager
def room_for(model: Any, tokens: int) -> Iterator[None]:
    """A forward pass of more new tokens does not fit into memory."""

    def check(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        if kwargs["input_ids"].numel() > tokens:
            raise torch.OutOfMemoryError

    with model.model.register_forward_pre_hook(check, with_kwargs=True):
        yield


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_every_family_gives_what_transformers_gives(family: str) -> None:
    """Soft-capped, scaled, sliding, recurrent …: the text is longer than the sliding windows."""
    model = zoo.make_model(family)
    ids = text(3 * zoo.SLIDING)
    distributions = TextDistributions(model, zoo.WINDOW)
    wanted = expected(model, ids)
    for first in (1, 30, len(ids)):
        np.testing.assert_allclose(given(distributions, ids, first), wanted[first - 1 :], atol=TOLERANCE)
    np.testing.assert_allclose(np.exp(given(distributions, ids)).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gemma3", "bamba"])
def test_chunks_do_not_change_them(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.make_model(family)
    ids = text(100)
    whole = given(TextDistributions(model, zoo.WINDOW), ids)
    monkeypatch.setitem(output_head._CHUNK_BYTES, "cpu", 1)
    monkeypatch.setattr(output_head, "_FEWEST_POSITIONS", 7)
    chunked = TextDistributions(model, zoo.WINDOW)
    if family != "bamba":
        assert [len(chunk.logprobs) for chunk in chunked.of(ids, 81, Unobserved())] == [7, 7, 6]
    np.testing.assert_allclose(given(chunked, ids), whole, atol=1e-5)


def test_texts_in_a_padded_batch_of_transformers_have_the_same(llama: Any) -> None:
    texts = [text(length, seed=length) for length in (5, 40, 17)]
    width = max(map(len, texts))
    ids = torch.tensor([[2] * (width - len(each)) + each for each in texts])
    mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in texts])
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    with torch.inference_mode():
        batch = torch.log_softmax(llama(ids, attention_mask=mask, position_ids=positions).logits, dim=-1).numpy()
    distributions = TextDistributions(llama, zoo.WINDOW)
    for row, each in zip(batch, texts, strict=True):
        np.testing.assert_allclose(given(distributions, each), row[-len(each) :], atol=TOLERANCE)


def test_when_memory_runs_out_it_is_read_in_smaller_pieces() -> None:
    model = zoo.make_model("llama")
    ids = text(200)
    distributions = TextDistributions(model, zoo.WINDOW)
    watcher = Watcher()
    with room_for(model, 60):
        rows = given(distributions, ids, observer=watcher)
    np.testing.assert_allclose(rows, expected(model, ids), atol=TOLERANCE)
    assert sum(watcher.counts) == len(ids)
    assert any("memory ran out" in why for _, _, why in watcher.decisions)


@pytest.mark.parametrize("family", ["llama", "bamba"])
def test_what_does_not_fit_at_all_is_named(family: str) -> None:
    model = zoo.make_model(family)
    distributions = TextDistributions(model, zoo.WINDOW)
    with room_for(model, 10), pytest.raises(OutOfMemoryError, match="request of 50 tokens does not fit"):
        given(distributions, text(50))


@pytest.mark.parametrize("family", ["llama", "gemma2", "cohere", "gpt2", "bamba"])
def test_in_bfloat16_the_output_projection_is_in_float32(family: str) -> None:
    """Against float64 on the same hidden states; the model's own logits are off by forty times as much and more."""
    model = zoo.make_model(family).to(torch.bfloat16)
    ids = text(50)
    kept: list[torch.Tensor] = []
    with (
        model.get_output_embeddings().register_forward_pre_hook(lambda _module, args: kept.append(args[0][0].double())),
        torch.inference_mode(),
    ):
        own = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), dim=-1).numpy()
    logits = kept[0] @ model.get_output_embeddings().weight.detach().double().T
    if family == "cohere":
        logits = logits * model.config.logit_scale
    if family == "gemma2":
        logits = torch.tanh(logits / model.config.final_logit_softcapping) * model.config.final_logit_softcapping
    exact = torch.log_softmax(logits, dim=-1).numpy()
    rows = given(TextDistributions(model, zoo.WINDOW), ids)
    assert np.abs(own - exact).max() > 2e-3, "the comparison needs rounding to be seen"
    assert np.abs(rows - exact).max() < 5e-5


def test_a_projection_that_is_no_plain_matrix_is_said() -> None:
    model = get_peft_model(
        zoo.make_model("llama").to(torch.bfloat16), LoraConfig(target_modules=["lm_head"], task_type="CAUSAL_LM")
    ).eval()
    watcher = Watcher()
    rows = given(TextDistributions(model, zoo.WINDOW), text(20), observer=watcher)
    np.testing.assert_allclose(rows, expected(model, text(20)), atol=1e-5)
    assert ("output projection", "bfloat16") in [(what, choice) for what, choice, _ in watcher.decisions]


@pytest.fixture(scope="module")
def adapted() -> Any:
    """A model with an adapter that changes it."""
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(zoo.make_model("llama"), config).eval()


def test_an_adapter_on_and_off_are_two_models_on_the_same_weights(
    adapted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in turn, chunk by chunk: neither leaves the adapter in the state that it needs."""
    monkeypatch.setattr(output_head, "_FEWEST_POSITIONS", 9)
    monkeypatch.setitem(output_head._CHUNK_BYTES, "cpu", 1)
    ids = text(60)
    tuned = TextDistributions(adapted, zoo.WINDOW)
    base = TextDistributions(adapted, zoo.WINDOW, as_planned=adapted.disable_adapter)
    with adapted.disable_adapter():
        wanted_base = expected(adapted, ids)
    wanted_tuned = expected(adapted, ids)
    assert np.abs(wanted_base - wanted_tuned).max() > 0.1
    pairs = list(zip(base.of(ids, 1, Unobserved()), tuned.of(ids, 1, Unobserved()), strict=True))
    assert len(pairs) == 7
    np.testing.assert_allclose(np.concatenate([a.logprobs for a, _ in pairs]), wanted_base, atol=TOLERANCE)
    np.testing.assert_allclose(np.concatenate([b.logprobs for _, b in pairs]), wanted_tuned, atol=TOLERANCE)


def test_virtual_tokens_of_an_adapter_have_no_place_in_the_text() -> None:
    torch.manual_seed(2)
    model = get_peft_model(
        zoo.make_model("llama"), PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    ).eval()
    ids = text(30)
    rows = given(TextDistributions(model, zoo.WINDOW), ids)
    np.testing.assert_allclose(rows, expected(model, ids), atol=TOLERANCE)
    with model.disable_adapter():
        assert np.abs(rows - expected(model, ids)).max() > 0.01


def test_nan_is_an_error() -> None:
    model = zoo.make_model("llama")
    with torch.no_grad():
        model.model.norm.weight[3] = float("nan")
    with pytest.raises(NotANumberError):
        given(TextDistributions(model, zoo.WINDOW), text(5))


def test_a_text_beyond_the_window_is_refused(llama: Any) -> None:
    with pytest.raises(BenchtuiError, match="A text of 65 tokens is longer than the model's window of 64"):
        TextDistributions(llama, 64).of(text(65), 1, Unobserved())


@pytest.mark.parametrize("first", [0, 6])
def test_places_outside_the_text_are_refused(first: int, llama: Any) -> None:
    with pytest.raises(ValueError, match="must be 1 to 5"):
        TextDistributions(llama, 64).of(text(5), first, Unobserved())


def test_an_encoder_decoder_model_is_refused() -> None:
    config = T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=2)
    with pytest.raises(BenchtuiError, match="no next-token distribution"):
        TextDistributions(T5ForConditionalGeneration(config), 64)


@pytest.fixture(scope="module")
def llama() -> Any:
    return zoo.make_model("llama")
