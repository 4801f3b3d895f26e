"""What a model's output head consists of: its tensors, and the numbers that its family's `forward` applies to them."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from benchtui.worker.answering.hf.engine.backbone import Backbone, projecting

_BLOCK = 1 << 26
"""Bytes of a tensor that are copied to the processor's memory at once."""


def head_tensors(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Return the tensors of the output projection, and all others that are not part of the layers, by their names in
    the model's state: some families transform the hidden states once more."""
    causal = backbone.causal
    projection = causal.get_output_embeddings()
    names = {id(module): name for name, module in causal.named_modules()}
    layers, place = names[id(backbone.base)] + ".", names[id(projection)] + "."
    others = {name: tensor for name, tensor in _tensors(causal, "") if not name.startswith((layers, place))}
    return others | dict(_tensors(projecting(projection), place))


def head_numbers(backbone: Backbone) -> dict[str, float]:
    """Return the numbers of the model and its configuration that the family's `forward` names, such as the bound of a
    soft-cap or the scale of the logits."""
    causal = backbone.causal
    named = inspect.unwrap(type(causal).forward).__code__.co_names
    found = {}
    for holder in (causal.config, backbone.config, backbone.base, causal):
        for name in named:
            value = getattr(holder, name, None)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[name] = float(value)
    return found


def head_digest(backbone: Backbone) -> str:
    """Return a digest of everything that the logits of given hidden states depend on."""
    digest = hashlib.sha256(type(backbone.causal).__name__.encode())
    for name, value in sorted(head_numbers(backbone).items()):
        digest.update(f"\n{name} {value!r}".encode())
    for name, tensor in sorted(head_tensors(backbone).items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        for block in _blocks(tensor):
            digest.update(block)
    return digest.hexdigest()[:16]


def _tensors(module: Any, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    kept: Mapping[str, Any] = module.state_dict(keep_vars=True)
    for name, tensor in kept.items():
        if isinstance(tensor, torch.Tensor):
            yield prefix + name, tensor.detach()


def _blocks(tensor: torch.Tensor) -> Iterator[memoryview]:
    flat = tensor.contiguous().flatten()
    for part in torch.split(flat, max(1, _BLOCK // flat.element_size())):
        yield part.view(torch.uint8).cpu().numpy().data
