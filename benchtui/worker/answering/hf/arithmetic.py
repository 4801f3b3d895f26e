"""The shape of a transformers model that says how much arithmetic its forward passes take."""

from __future__ import annotations

from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from benchtui.routing.arithmetic import Arithmetic
from benchtui.worker.answering.hf.engine.backbone import Backbone, projecting


def arithmetic(backbone: Backbone) -> Arithmetic | None:
    """Return what counts of a model's shape, with the adapter that is switched on. None where that is not known:
    weights that only some positions are multiplied by (experts), and layers other than plain attention."""
    config = backbone.config
    heads, layers = getattr(config, "num_attention_heads", None), getattr(config, "num_hidden_layers", None)
    width = getattr(config, "head_dim", None) or (config.hidden_size // heads if heads else None)
    if not heads or not layers or not width or _is_unusual(backbone):
        return None
    output = projecting(backbone.causal.get_output_embeddings())
    sizes = [size for _, module in _used(backbone.base) if module is not output and (size := matrix_size(module))]
    return Arithmetic(sum(sizes), layers * heads * width, matrix_size(output) or 0)


def matrix_size(module: Any) -> int | None:
    """Return how many weights a module multiplies a position by; None for one that multiplies nothing."""
    if isinstance(module, torch.nn.Linear):
        return module.in_features * module.out_features
    return module.weight.numel() if isinstance(module, Conv1D) else None


def _used(base: Any) -> list[tuple[str, Any]]:
    """The modules that a forward pass calls: not those of an adapter that is switched off."""
    off = [name for name, module in base.named_modules() if getattr(module, "disable_adapters", False) is True]
    return [
        (name, module)
        for name, module in base.named_modules()
        if not any(name.startswith(f"{each}.lora_") for each in off)
    ]


_ATTENTION = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


def _is_unusual(backbone: Backbone) -> bool:
    """Whether matrices are no modules of their own, or layers are no plain attention."""
    config = backbone.config
    latent = getattr(config, "kv_lora_rank", None) is not None
    if latent or getattr(backbone.causal, "_is_stateful", False):
        return True
    if not set(getattr(config, "layer_types", None) or ()) <= _ATTENTION:
        return True
    known = {id(module.weight) for _, module in backbone.base.named_modules() if _has_known_matrix(module)}
    return any(one.dim() > 1 and id(one) not in known for one in backbone.base.parameters())


def _has_known_matrix(module: Any) -> bool:
    return isinstance(module, torch.nn.Embedding) or matrix_size(module) is not None
