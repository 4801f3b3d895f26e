"""Models made from another one without any training: with fewer of its layers, or with more that change nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

LAYERS = "model.layers."


def with_layers(folder: Path, target: Path, count: int) -> Path:
    """Write a model that has the first `count` layers of another, and its embeddings, norm and output."""
    return _written(folder, target, count, {
        name: tensor for name, tensor in load_file(folder / "model.safetensors").items()
        if not name.startswith(LAYERS) or _layer(name) < count
    })  # fmt: skip


def deepened(folder: Path, target: Path, count: int) -> Path:
    """Write a model of `count` layers that computes the same as another: those added are copies of its last, whose
    outputs are zero, so that they add nothing to what passes through, but take their time."""
    tensors = load_file(folder / "model.safetensors")
    own = 1 + max(_layer(name) for name in tensors if name.startswith(LAYERS))
    last = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{LAYERS}{own - 1}.")}
    for layer in range(own, count):
        for name, tensor in last.items():
            silent = name.endswith(("o_proj.weight", "down_proj.weight"))
            copied = torch.zeros_like(tensor) if silent else tensor.clone()
            tensors[name.replace(f"{LAYERS}{own - 1}.", f"{LAYERS}{layer}.")] = copied
    return _written(folder, target, count, tensors)


def _layer(name: str) -> int:
    return int(name.removeprefix(LAYERS).split(".")[0])


def _written(folder: Path, target: Path, count: int, tensors: dict[str, torch.Tensor]) -> Path:
    target.mkdir(parents=True)
    for file in folder.iterdir():
        if file.is_file() and file.suffix != ".safetensors":
            shutil.copy(file, target)
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | {"num_hidden_layers": count}))
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    return target
