"""A model loaded from Python, against transformers: text, log-likelihoods, distributions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchtui import api
from tests.e2e.tiny import make_tiny_model

if TYPE_CHECKING:
    from benchtui.worker.answering.loaded_model import LoadedModel

PROMPTS = ["The quick brown", "A", "Once upon a time there was"]
RESPONSES = [" fox jumps", " dog", " a cat that sat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("api-load") / "tiny")


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[LoadedModel]:
    with api.load(folder, device="cpu", dtype="float32", offline=True) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def reference(folder: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32"), AutoTokenizer.from_pretrained(folder)


def _logprobs(reference, ids: list[int]) -> np.ndarray:
    import torch

    with torch.no_grad():
        return torch.log_softmax(reference[0](torch.tensor([ids])).logits[0], -1).numpy()


def test_logits_of_responses_are_those_of_transformers(model, reference) -> None:
    tokenizer = reference[1]
    for prompt, response, found in zip(PROMPTS, RESPONSES, model.get_logits(PROMPTS, RESPONSES), strict=True):
        before, whole = tokenizer(prompt)["input_ids"], tokenizer(prompt + response)["input_ids"]
        expected = _logprobs(reference, whole)[len(before) - 1 : -1]
        assert (found.dtype, found.shape) == (np.float32, expected.shape)
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_probabilities_after_prompts_are_those_of_transformers_at_any_temperature(model, reference) -> None:
    for temperature in (1.0, 0.5, 2.0):
        for prompt, found in zip(PROMPTS, model.get_probabilities(PROMPTS, temperature=temperature), strict=True):
            logits = _logprobs(reference, reference[1](prompt)["input_ids"])[-1].astype(np.float64) / temperature
            expected = np.exp(logits) / np.exp(logits).sum()
            np.testing.assert_allclose(found[0], expected, atol=1e-6)
            assert found.sum() == pytest.approx(1, abs=1e-5)


def test_the_log_likelihood_is_the_sum_over_the_tokens_of_the_response(model) -> None:
    tokens = model.get_tokenizer()
    for prompt, response, found in zip(PROMPTS, RESPONSES, model.log_likelihood(PROMPTS, RESPONSES), strict=True):
        rows = model.get_logits(prompt, response)
        ids = tokens.encode([prompt + response])[prompt + response][-len(rows) :]
        assert found.nats == pytest.approx(sum(row[token] for row, token in zip(rows, ids, strict=True)), abs=1e-5)
        assert found.greedy == all(row.argmax() == token for row, token in zip(rows, ids, strict=True))


def test_greedy_text_is_that_of_transformers(model, reference) -> None:
    network, tokenizer = reference
    for prompt, found in zip(PROMPTS, model.generate(PROMPTS, max_new_tokens=12), strict=True):
        inputs = tokenizer(prompt, return_tensors="pt")
        ids = network.generate(**inputs, max_new_tokens=12, do_sample=False)[0][inputs["input_ids"].shape[1] :]
        assert found == tokenizer.decode(ids, skip_special_tokens=True)


def test_one_text_gives_one_value_and_stops_end_it(model) -> None:
    whole = model.generate("The quick brown", max_new_tokens=12)
    assert isinstance(whole, str)
    assert model.generate(["The quick brown"], max_new_tokens=12) == [whole]
    stop = whole[2:4]
    assert model.generate("The quick brown", max_new_tokens=12, stop=[stop]) == whole.split(stop)[0]


def test_drawn_text_depends_on_its_seed_and_prompt_alone(model) -> None:
    alone = model.generate("The quick brown", max_new_tokens=12, temperature=1.0, seed=7)
    assert model.generate(["A", "The quick brown"], max_new_tokens=12, temperature=1.0, seed=7)[1] == alone
    others = {model.generate("The quick brown", max_new_tokens=12, temperature=1.0, seed=seed) for seed in range(5)}
    assert len(others) > 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m.get_logits("a", ""), ValueError, "a response is empty"),
        (lambda m: m.get_logits(["a", "b"], ["c"]), ValueError, "2 prompts and 1 responses"),
        (lambda m: m.get_logits("a", ["c"]), ValueError, "both be lists"),
        (lambda m: m.get_probabilities("a", temperature=0), ValueError, "must be above 0"),
        (lambda m: m.get_logits("a " * 5000), api.BenchtuiError, "longer than the model's window"),
        (
            lambda m: m.generate("a " * 5000),
            api.BenchtuiError,
            "and an answer of up to 256 are longer than the model's",
        ),
        (lambda m: m.log_likelihood("a " * 5000, "b"), api.BenchtuiError, "longer than the model's window"),
        (lambda m: m.chat([{"role": "user", "content": "hi"}]), api.BenchtuiError, "no chat template"),
    ],
)
def test_what_cannot_be_answered_says_why(model, call, error, words: str) -> None:
    with pytest.raises(error, match=words):
        call(model)


def test_a_closed_model_says_that_it_is(folder: Path) -> None:
    loaded = api.load(folder, device="cpu", dtype="float32", offline=True)
    loaded.close()
    loaded.close()
    for call in (lambda: loaded.generate("a"), lambda: loaded.get_logits("a"), lambda: loaded.facts):
        with pytest.raises(api.BenchtuiError, match="The model was closed"):
            call()


def test_an_unknown_model_or_setting_is_named(folder: Path) -> None:
    with pytest.raises(api.BenchtuiError, match="no-such-model"):
        api.load("no-such-model", outputs=folder.parent)
    with pytest.raises(TypeError, match="colour"):
        api.load(folder, colour="red")


def test_a_backend_without_distributions_says_which_has_them(model, caplog: pytest.LogCaptureFixture) -> None:
    from benchtui.worker.answering.loaded_model import LoadedModel
    from tests.backends.echo.echo_answering import Echo

    class Plan:
        source = model._answering._plan.source

    with caplog.at_level(logging.WARNING), pytest.raises(api.BenchtuiError, match="echo backend does not give"):
        LoadedModel(Echo(Plan()), model._prompts).get_logits("a")
