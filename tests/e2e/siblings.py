"""Smaller siblings of a model: some of its layers left out, the near ones with their effect fitted into others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

TEXT = (
    "A baker makes 12 trays of 8 rolls each morning. She sells three quarters of them before noon and half of what is "
    "left in the afternoon, so that 12 rolls remain, which she takes home to her family in the village by the lake."
)

STARTS = ("Write", "Question", "The", "Explain", "A", "List", "In", "Tom")
RIDGE = 0.02


def make_sibling(model: Path, target: Path, layers: int) -> Path:
    """Write the transformers model in the folder `model` with only so many of its layers into `target`.

    The layers that are kept are those with the most influence, 1 - cosine of what enters and what leaves a layer (X.
    Men et al., "ShortGPT", arXiv 2403.03853), the first and the last among them.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(model, dtype="float32")
    ids = AutoTokenizer.from_pretrained(model)(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        states = network.model(ids, output_hidden_states=True).hidden_states
    influence = [
        float(1 - torch.nn.functional.cosine_similarity(before, after, dim=-1).mean())
        for before, after in pairwise(states)
    ]
    count = len(network.model.layers)
    inner = sorted(range(1, count - 1), key=lambda place: -influence[place])[: layers - 2]
    kept = sorted({0, count - 1, *inner})
    _save(network, model, target, kept)
    return target


def make_near_sibling(model: Path, target: Path, dropped: Sequence[int]) -> Path:
    """Write the model without the layers `dropped` into `target`. What each did is fitted, by ridge regression over
    texts that the model writes itself, into the MLP of the layer before it, so that the sibling stays near."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(model, dtype="float32")
    ids = _written(network, AutoTokenizer.from_pretrained(model))
    layers = list(network.model.layers)
    kept = [place for place in range(len(layers)) if place not in dropped]
    wanted = _outputs(network, ids, layers, dropped)
    network.model.layers = torch.nn.ModuleList(layers[place] for place in kept)
    for place in dropped:
        mlp = layers[place - 1].mlp.down_proj
        inputs: list[Any] = []
        hook = mlp.register_forward_pre_hook(lambda _, args, inputs=inputs: inputs.append(args[0].flatten(0, 1)))
        out = _outputs(network, ids, layers, [place - 1])[place - 1]
        hook.remove()
        found, missing = inputs[0].double(), (wanted[place] - out).double()
        squares = found.T @ found
        ridge = RIDGE * squares.diagonal().mean() * torch.eye(len(squares), dtype=torch.double)
        mlp.weight.data += torch.linalg.solve(squares + ridge, found.T @ missing).T.float()
    network.model.layers = torch.nn.ModuleList(layers)
    _save(network, model, target, kept)
    return target


def _written(network: Any, tokenizer: Any) -> Any:
    """Texts that the model writes after the first words of an answer, all of one length: ids [texts, tokens]."""
    torch.manual_seed(1)
    rows = [tokenizer(start)["input_ids"][:1] for start in STARTS for _ in range(3)]
    with torch.no_grad():
        return network.generate(
            torch.tensor(rows), do_sample=True, temperature=1.0, top_k=0, max_new_tokens=128, eos_token_id=[],
            pad_token_id=tokenizer.eos_token_id,
        )  # fmt: skip


def _outputs(network: Any, ids: Any, layers: Sequence[Any], places: Sequence[int]) -> dict[int, Any]:
    """What some layers give, [texts · tokens, width]."""
    found: dict[int, Any] = {}

    def keep(place: int) -> Any:
        def hook(_module: Any, _args: Any, out: Any) -> None:
            found[place] = (out[0] if isinstance(out, tuple) else out).flatten(0, 1)

        return hook

    hooks = [layers[place].register_forward_hook(keep(place)) for place in places]
    with torch.no_grad():
        network.model(ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return found


def _save(network: Any, model: Path, target: Path, kept: Sequence[int]) -> None:
    """Write the network with only the layers `kept`, and the tokenizer beside it."""
    network.model.layers = torch.nn.ModuleList(network.model.layers[place] for place in kept)
    network.config.num_hidden_layers = len(kept)
    if getattr(network.config, "layer_types", None):
        network.config.layer_types = [network.config.layer_types[place] for place in kept]
    for number, layer in enumerate(network.model.layers):
        layer.self_attn.layer_idx = number
    network.save_pretrained(target)
    for file in model.iterdir():
        if file.name.startswith(("tokenizer", "special_tokens", "chat_template", "vocab", "merges")):
            shutil.copy(file, target / file.name)
