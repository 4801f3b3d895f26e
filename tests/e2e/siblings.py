"""Smaller siblings of a model: some of its layers left out, those that change what passes through them least."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import torch

TEXT = (
    "A baker makes 12 trays of 8 rolls each morning. She sells three quarters of them before noon and half of what is "
    "left in the afternoon, so that 12 rolls remain, which she takes home to her family in the village by the lake."
)


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
    network.model.layers = torch.nn.ModuleList(network.model.layers[place] for place in kept)
    network.config.num_hidden_layers = layers
    if getattr(network.config, "layer_types", None):
        network.config.layer_types = [network.config.layer_types[place] for place in kept]
    for number, layer in enumerate(network.model.layers):
        layer.self_attn.layer_idx = number
    network.save_pretrained(target)
    for file in model.iterdir():
        if file.name.startswith(("tokenizer", "special_tokens", "chat_template", "vocab", "merges")):
            shutil.copy(file, target / file.name)
    return target
