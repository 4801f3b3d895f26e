"""Adapters that vLLM would put on their base by halves are refused with what of them it does not compute."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchtui.backends.access import Access
from benchtui.backends.vllm import VLLM
from benchtui.backends.vllm_adapters import adapted, largest_rank
from benchtui.benchmark.evaluate import _groups
from benchtui.errors import UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.layout import ModelFormat
from benchtui.models.source import FolderSource, hugging_face
from benchtui.models.tokenizer.chat_template import ChatTemplate
from benchtui.models.weights.architecture import Architecture
from benchtui.models.weights.safetensors import Tensor
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings

BASE = ModelDescription("/m/base", "", None, 0, None, False, None, ChatTemplate(), True, Architecture())
LAYER = "base_model.model.model.layers.0.self_attn."
FORM = ModelFormat("lora", Path("/m/lora"), adapter=True)


def adapter_of(rank: int = 8, names: tuple[str, ...] = (), **config: Any) -> ModelDescription:
    pairs = {f"{LAYER}q_proj.lora_A.weight": (rank, 64), f"{LAYER}q_proj.lora_B.weight": (64, rank)}
    shapes = {**pairs, **dict.fromkeys(names, (64, 64))}
    tensors = {name: Tensor("F32", shape) for name, shape in shapes.items()}
    said = {"peft_type": "LORA", "r": rank, "bias": "none", "init_lora_weights": True, **config}
    return dataclasses.replace(BASE, name="/m/lora", adapter=True, config=said, tensors=tensors)


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        (adapter_of(peft_type="IA3"), "it is of type IA3"),
        (adapter_of(use_dora=True), "it is a DoRA adapter"),
        (adapter_of(bias="lora_only"), "it trained biases"),
        (adapter_of(lora_bias=True), "it trained biases"),
        (adapter_of(names=(f"{LAYER}q_proj.lora_B.bias",)), "it trained biases"),
        (adapter_of(modules_to_save=["score"]), "it brings modules of its own"),
        (adapter_of(names=("base_model.model.lm_head.weight",)), "it brings its own lm_head"),
        (adapter_of(names=("base_model.model.model.embed_tokens.weight",)), "it brings its own embed_tokens"),
        (adapter_of(names=("base_model.model.lm_head.lora_A.weight",)), "it adapts the embedding or the head"),
        (adapter_of(names=("base_model.model.model.embed_tokens.lora_embedding_A",)), "it adapts the embedding"),
        (adapter_of(trainable_token_indices=[5]), "it brings tokens of its own"),
        (adapter_of(alora_invocation_tokens=[5]), "it is switched on by tokens in the text"),
        (adapter_of(layer_replication=[[0, 2]]), "it repeats layers of the base"),
        (adapter_of(init_lora_weights="pissa"), "it began with pissa, which changes the base's weights"),
        (adapter_of(rank=768), "its rank is 768, above 512"),
        (adapter_of(rank_pattern={"q_proj": 1024}), "its rank is 1024, above 512"),
        (dataclasses.replace(adapter_of(), name="org/lora", revision="abc"), "it is not on this machine"),
    ],
)
def test_what_vllm_does_not_compute_is_named(adapter: ModelDescription, words: str) -> None:
    with pytest.raises(UsageError, match=f"does not put the adapter .* on its base: {words}") as error:
        VLLM.source(FORM, adapter, BASE, Access())
    assert "Merge it into its base first" in error.value.next_step


def test_an_adapter_on_a_base_of_4_bits_is_refused() -> None:
    base = dataclasses.replace(BASE, architecture=Architecture(four_bit=True))
    with pytest.raises(UsageError, match="its base is stored in 4 bits"):
        VLLM.source(FORM, adapter_of(), base, Access())


def test_a_plain_adapter_goes_on_its_base_with_the_room_that_it_needs() -> None:
    for rank, room in ((1, 1), (8, 8), (9, 16), (24, 32), (512, 512)):
        adapter = adapter_of(rank)
        assert hugging_face(VLLM.source(FORM, adapter, BASE, Access())).adapter == "/m/lora"
        assert (largest_rank(adapter), adapted(adapter)) == (room, 1)
    assert largest_rank(adapter_of(8, r=4)) == 8, "what its tensors have, whatever its configuration says"


@pytest.mark.parametrize(("backend", "workers"), [("hf", 1), ("vllm", 2)])
def test_a_base_and_its_adapter_have_workers_of_their_own_where_they_are_two_loads(backend: str, workers: int) -> None:
    def run(adapter: str | None) -> Any:
        plan = BenchmarkPlan(
            model_name="m", bench_id="", created="", role="model", tasks=(), prompts=PromptSettings(), backend=backend,
            source=FolderSource("/m/base", "", adapter=adapter),
        )  # fmt: skip
        return SimpleNamespace(plan=lambda: plan)

    assert len(_groups([run(None), run("/m/lora")])) == workers
