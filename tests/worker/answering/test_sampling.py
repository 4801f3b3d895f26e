"""How tokens are drawn means the same to every backend, or is refused by name."""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.gguf.sampling import Sampling
from benchtui.worker.answering.hf.engine.generation_settings import SettingsReader
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.ollama.asking import Asking, options_of
from benchtui.worker.answering.openai import llama_texts, texts
from benchtui.worker.answering.protocol import Answering, AnsweringFacts, GenerateRequest
from benchtui.worker.answering.vllm.generation import sampling as for_vllm
from tests.e2e.tiny import make_tiny_model


def llama_server(settings: dict[str, Any]) -> Any:
    request = GenerateRequest((1,), "a", 4, (), settings, 0, ())
    return llama_texts.body(request, (1,), stops=True, lora=())["top_k"]


BACKENDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "gguf": lambda settings: Sampling.of(settings).top_k,
    "llama-server": llama_server,
    "ollama": lambda settings: options_of(settings)["top_k"],
    "openai": lambda settings: texts.sampling(settings, 0, more=True)["top_k"],
    "vllm": lambda settings: for_vllm(settings, {})["top_k"],
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_top_k_is_that_of_transformers_where_a_task_names_none(backend: str) -> None:
    unnamed = GenerationConfig()._get_default_generation_params()["top_k"]  # type: ignore[no-untyped-call]
    drawn = {"do_sample": True, "temperature": 0.7}
    top_k = BACKENDS[backend]
    assert top_k(drawn) == unnamed
    assert top_k({**drawn, "top_k": None}) == unnamed
    assert top_k({**drawn, "top_k": 7}) == 7
    assert top_k({**drawn, "top_k": 0}) == 0


def llama_server_body(settings: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    return llama_texts.body(GenerateRequest((1,), "a", 4, (), settings, seed, ()), (1,), stops=True, lora=())


def ollama_body(settings: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    options: dict[str, Any] = Asking("m", 512).generate(GenerateRequest((), "a", 4, (), settings, seed, ()), "a")
    return dict(options["options"])


READ: dict[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
    "gguf": lambda settings: vars(Sampling.of(settings)),
    "hf": lambda settings: hf_processors(settings),
    "llama-server": llama_server_body,
    "ollama": ollama_body,
    "openai": lambda settings: texts.sampling(settings, 0, more=True),
    "vllm": lambda settings: for_vllm(settings, {}),
}
DRAWN: dict[str, Any] = {"do_sample": True, "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.05}


def hf_processors(settings: dict[str, Any]) -> dict[str, Any]:
    """What transformers itself computes with, as the hf backend's engine has it built."""
    processors = SettingsReader(*_tiny(), "</s>", 4).read(settings).processors
    if processors is None:
        return {}
    named = {
        "TemperatureLogitsWarper": "temperature",
        "TopKLogitsWarper": "top_k",
        "TopPLogitsWarper": "top_p",
        "MinPLogitsWarper": "min_p",
    }
    found = {named[type(one).__name__]: one for one in processors(np.zeros(1, dtype=np.int32))}
    return {name: getattr(one, name) for name, one in found.items()}


@functools.cache
def _tiny() -> tuple[Any, Any]:
    """A model and its tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_tiny_model(Path(folder))
        return AutoModelForCausalLM.from_pretrained(made), AutoTokenizer.from_pretrained(made)


@pytest.mark.parametrize("backend", READ)
def test_each_setting_of_sampling_reaches_what_draws(backend: str) -> None:
    found = READ[backend](DRAWN)
    assert {name: found[name] for name in ("temperature", "top_k", "top_p", "min_p")} == {
        name: DRAWN[name] for name in ("temperature", "top_k", "top_p", "min_p")
    }


@pytest.mark.parametrize("backend", READ)
@pytest.mark.parametrize("greedy", [{}, {"do_sample": False}, {"temperature": 0.0}, {**DRAWN, "do_sample": False}])
def test_greedy_is_greedy_everywhere(backend: str, greedy: dict[str, Any]) -> None:
    found = READ[backend](greedy)
    assert found.get("temperature") in (None, 0)
    if backend == "hf":
        assert not SettingsReader(*_tiny(), "</s>", 4).read(greedy).sample


@pytest.mark.parametrize("backend", [name for name in READ if name != "hf"])
def test_what_a_backend_cannot_follow_is_refused_by_name(backend: str) -> None:
    with pytest.raises(BenchtuiError, match="eta_cutoff"):
        READ[backend]({**DRAWN, "eta_cutoff": 0.1})


def test_a_server_that_takes_less_is_not_asked_for_more() -> None:
    """OpenAI's own servers have no top-k and no min-p."""
    assert texts.sampling({"do_sample": True, "temperature": 0.7, "top_p": 0.9}, 5, more=False)["seed"] == 5
    for name in ("top_k", "min_p"):
        with pytest.raises(BenchtuiError, match=name):
            texts.sampling({"do_sample": True, "temperature": 0.7, name: 1}, 0, more=False)


def test_every_answer_is_asked_with_its_own_seed() -> None:
    model = LmEvalModel(Written(), PromptSettings(), None)
    asked = [Instance("generate_until", {}, ("a", dict(DRAWN), (0, 0, repeat)), 0) for repeat in range(3)]
    seeds = [request.seed for request in model._generate_requests(asked, Counter(), {})]
    assert len(set(seeds)) == 3
    assert [request.seed for request in model._generate_requests(asked[1:], Counter(), {})] == seeds[1:], (
        "whatever else is asked"
    )
    other = LmEvalModel(Written(), PromptSettings(seeds=(0, 1234, 99, 1234)), None)
    assert not {request.seed for request in other._generate_requests(asked, Counter(), {})} & set(seeds)
    for body in (llama_server_body, ollama_body):
        assert len({body(DRAWN, seed)["seed"] for seed in seeds}) == 3
    assert len({texts.sampling(DRAWN, seed, more=True)["seed"] for seed in seeds}) == 3


class Written(Answering):
    """A model without a tokenizer here, as behind a server."""

    tokens = None

    @property
    def facts(self) -> AnsweringFacts:
        return AnsweringFacts("openai", "1", "", "", 4096)
