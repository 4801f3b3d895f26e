"""A task that samples and names no top-k is drawn from the same tokens by every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from transformers import GenerationConfig

from benchtui.worker.answering.gguf.sampling import Sampling
from benchtui.worker.answering.ollama.asking import options_of
from benchtui.worker.answering.openai import llama_texts, texts
from benchtui.worker.answering.protocol import GenerateRequest
from benchtui.worker.answering.vllm.generation import sampling as for_vllm


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
