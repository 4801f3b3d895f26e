"""How much to run at once: from the device, from free memory, and from what the user asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from benchtui.models.layout import size_text
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.memory import free_bytes
from benchtui.worker.answering.hf.engine.plan import Costs

# What runs at a time may take this part of the memory that is free: the rest is for what cannot be foreseen.
_SHARE = 0.5
_SMALLEST_BUDGET = 256
_PROBE = 256
# Where lm-eval's `hf` would hold so many rows, generation here holds four times as many in about the same memory:
# `hf` reads all prompts of a batch at once and copies its cache at every step.
_ROWS_FOR_ONE = 4


@dataclass(frozen=True)
class Device:
    """What a kind of device is used for best.

    `tokens`: positions of a forward beyond which it gets no faster for each of them. `rows`: the same for one-token
    steps. `forward`: what calling the model once more costs, in tokens.
    """

    tokens: int
    rows: int
    forward: float


_DEVICES = {"cpu": Device(tokens=1024, rows=32, forward=64)}
_OTHER = Device(tokens=16384, rows=128, forward=512)


@dataclass(frozen=True)
class Asked:
    """What the user asked for: so many rows of `longest` tokens, or `rows` None for what suits; of it the `share` that
    is left to try after memory ran out."""

    rows: int | None
    longest: int
    share: float = 1.0


def asked(batch_size: int | str, longest: int, share: float = 1.0) -> Asked:
    """lm-eval's batch size, which is a number of rows or "auto"."""
    return Asked(None if batch_size == "auto" else int(batch_size), longest, share)


def costs(backbone: Backbone) -> Costs:
    """What attention costs beside the layers' matrices, from the model's shape; measured factors for the rest."""
    config = backbone.config
    weights = sum(parameter.numel() for parameter in backbone.base.parameters() if parameter.dim() > 1)
    embedding = backbone.causal.get_input_embeddings()
    weights -= embedding.weight.numel() if embedding is not None else 0
    pair = 2 * int(config.num_hidden_layers) * int(config.hidden_size)
    # Masked attention reaches about half the rate of the matrices.
    attention = 2 * pair / max(1, weights)
    return Costs(attention=attention, forward=_device(backbone.device).forward, copied=attention / 2)


def token_budget(backbone: Backbone, asked: Asked) -> tuple[int, str]:
    """Token positions for one forward, and why so many."""
    device = _device(backbone.device)
    if asked.rows is not None:
        wanted = max(_SMALLEST_BUDGET, asked.rows * asked.longest)
        budget = max(1, int(asked.share * min(wanted, device.tokens)))
        return budget, f"batch size {asked.rows}, requests up to {asked.longest} tokens"
    free = free_bytes(backbone.device)
    each = _bytes_per_token(backbone)
    fits = int(_SHARE * free / each)
    why = f"{size_text(free)} free, {size_text(each)} per token"
    return max(1, int(asked.share * max(_SMALLEST_BUDGET, min(fits, device.tokens)))), why


def rows_side_by_side(backbone: Backbone, asked: Asked, kept_bytes: int) -> tuple[int, str]:
    """Rows generated at a time, and why so many; `kept_bytes` is what the cache holds for one position.

    `asked.longest` counts a prompt and all that may be generated behind it.
    """
    device = _device(backbone.device)
    free = free_bytes(backbone.device)
    each = max(1, kept_bytes * asked.longest)
    fits = max(1, int(_SHARE * free / each))
    rows = device.rows if asked.rows is None else max(asked.rows, min(_ROWS_FOR_ONE * asked.rows, device.rows))
    wish = "auto" if asked.rows is None else f"batch size {asked.rows}"
    why = f"{wish}; {size_text(free)} free"
    return max(1, int(asked.share * min(rows, fits))), why


def _device(device: torch.device) -> Device:
    return _DEVICES.get(device.type, _OTHER)


def _bytes_per_token(backbone: Backbone) -> int:
    """Memory that a forward takes for each position: measured by one short forward where the device tells."""
    if backbone.device.type == "cuda":
        ids = torch.zeros((1, _PROBE), dtype=torch.long, device=backbone.device)
        torch.cuda.reset_peak_memory_stats(backbone.device)
        before = torch.cuda.memory_allocated(backbone.device)
        backbone.hidden(ids)
        return max(1, (torch.cuda.max_memory_allocated(backbone.device) - before) // _PROBE)
    config = backbone.config
    inner = int(getattr(config, "intermediate_size", None) or 4 * config.hidden_size)
    size = torch.finfo(backbone.dtype).bits // 8
    # At the widest point: the block's input, its normalised copy, and the gated pair with its product.
    return (4 * int(config.hidden_size) + 4 * inner) * size


def rows_of_lm_eval(lm: Any) -> int:
    """Rows for lm-eval's own batches: what the user asked for, else what its full logits leave room for."""
    if lm.batch_size != "auto":
        return int(lm.batch_size)
    config = lm.model.config
    size = int(getattr(config.get_text_config(), "vocab_size", lm.vocab_size))
    # Logits, their log-softmax, and as much again for the layers.
    each = 4 * 4 * size * int(lm.max_length)
    return max(1, min(int(lm.max_batch_size), int(_SHARE * free_bytes(lm.device) / each)))
