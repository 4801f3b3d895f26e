"""What a routed text has cost: floating-point operations, shared positions and padding, against hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from benchtui.routing.records import Sampling
from benchtui.routing.rules import RouteRule
from benchtui.worker.answering.hf.arithmetic import arithmetic
from benchtui.worker.answering.hf.engine.backbone import Backbone
from tests.worker.answering.hf.engine import zoo
from tests.worker.routing.one_text import write_routed
from tests.worker.routing.test_routed_batch import PROMPTS, SHOTS, Told, asked, written
from tests.worker.switching.pairs import Pair, counted_calls, opened_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("costs")) as opened:
        yield opened


@contextmanager
def counted(network: Any) -> Iterator[list[float]]:
    """The floating-point operations of every matrix, and of every attention, counted where they are computed: each
    position attends to itself and to all before it."""
    done = [0.0]
    past = [0]
    hooks = []

    def multiplied(module: Any, args: Any, result: Any) -> None:
        done[0] += 2 * module.weight.numel() * (args[0].numel() // args[0].shape[-1])

    def attended(module: Any, args: Any, kwargs: Any, result: Any) -> None:
        new = (args[0] if args else kwargs["hidden_states"]).shape[1]
        heads = network.config.num_attention_heads * module.head_dim
        done[0] += sum(4 * heads * (past[0] + place + 1) for place in range(new))

    def read(module: Any, args: Any, result: Any) -> None:
        past[0] += args[0].shape[1]

    for module in network.modules():
        if isinstance(module, torch.nn.Linear):
            hooks.append(module.register_forward_hook(multiplied))
        if type(module).__name__ == "LlamaAttention":
            hooks.append(module.register_forward_hook(attended, with_kwargs=True))
    hooks.append(network.model.layers[-1].register_forward_hook(read))
    try:
        yield done
    finally:
        for hook in hooks:
            hook.remove()


def test_floating_point_operations_are_those_of_the_modules(pair: Pair) -> None:
    ids = pair.ids(PROMPTS[1])
    networks = [model._answering.lm.model for model in pair.loaded]  # type: ignore[attr-defined]
    answers = asked(pair, Sampling(max_new_tokens=24))[3].answers
    write_routed(*pair.stepped(), ids, answers, RouteRule("margin", 0.0), 3)  # what caches can do is tried out once
    for threshold in (0.8, 0.0):
        with counted(networks[0]) as small, counted(networks[1]) as large:
            found = write_routed(*pair.stepped(), ids, answers, RouteRule("margin", threshold), 3)
        assert [cost.flops for cost in found.costs] == [small[0], large[0]]
        assert large[0] > 0


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "mistral"])
def test_every_weight_of_the_layers_counts_once(family: str) -> None:
    network = zoo.make_model(family)
    shape = arithmetic(Backbone(network))
    assert shape is not None
    embeddings = {id(module.weight) for module in network.modules() if isinstance(module, torch.nn.Embedding)}
    output = network.get_output_embeddings().weight
    matrices = [one for one in network.parameters() if one.dim() == 2 and id(one) not in embeddings | {id(output)}]
    assert shape.weights == sum(one.numel() for one in matrices)
    assert shape.output == output.numel()


def test_of_experts_and_states_it_is_not_known() -> None:
    unusual = {family for family in zoo.FAMILIES if arithmetic(Backbone(zoo.make_model(family))) is None}
    assert unusual >= {"bamba", "falcon_h1", "mixtral", "gpt_oss", "deepseek_v3"}
    assert not unusual & {"llama", "gemma2", "gpt2", "qwen3", "bloom", "phi"}


def test_shared_and_padded_positions_are_told_beside_those_of_a_text(pair: Pair) -> None:
    """Their sum is what hooks count, and the rest is what a text takes alone."""
    texts = asked(pair, Sampling(max_new_tokens=24), [f"{SHOTS} {prompt}" for prompt in PROMPTS[:6]])
    rule = RouteRule("margin", 0.8)
    alone = [write_routed(*pair.stepped(), each.prompt, each.answers, rule, each.document) for each in texts]
    told = Told()
    with counted_calls(pair) as seen:
        found, _ = written(pair, texts, rule, None, told)
    for side, counts in enumerate(seen):
        costs = [text.costs[side] for text in found]
        assert sum(cost.positions - cost.shared + cost.padding for cost in costs) == sum(counts)
        assert sum(cost.shared for cost in costs) > 3 * len(pair.ids(SHOTS))
        assert sum(cost.padding for cost in costs) > 0
        assert [cost.flops for cost in costs] == [text.costs[side].flops for text in alone]
