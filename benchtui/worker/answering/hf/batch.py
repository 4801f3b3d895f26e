"""How many sequences at once: from free memory and the model's size, explained in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchtui.models.layout import size_text

LARGEST = {"cuda": 64, "mps": 16, "cpu": 16}
MEMORY_SHARE = 0.6
LONGEST_PLANNED = 2048
"""Tokens a row is planned for at most; longer rows are rare, and running out of memory halves the batch."""


@dataclass(frozen=True)
class BatchChoice:
    size: int
    why: str


def row_bytes(config: Any, tokens: int, element_bytes: int) -> int:
    """Memory of one sequence of `tokens` in a forward pass, in bytes: logits (twice, in the model's type and for the
    log-softmax in the same), keys and values of every layer, and the widest activations."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    vocabulary = int(getattr(text, "vocab_size", 32_000))
    hidden = int(getattr(text, "hidden_size", 4096))
    layers = int(getattr(text, "num_hidden_layers", 32))
    heads = int(getattr(text, "num_attention_heads", None) or 32)
    kv_heads = int(getattr(text, "num_key_value_heads", None) or heads)
    head = int(getattr(text, "head_dim", None) or hidden // heads)
    wide = int(getattr(text, "intermediate_size", None) or 4 * hidden)
    logits = 2 * vocabulary * element_bytes
    cache = 2 * layers * kv_heads * head * element_bytes
    activations = (4 * hidden + 3 * wide) * element_bytes
    return tokens * (logits + cache + activations)


def choose_batch(config: Any, *, device: str, free: int, max_length: int, element_bytes: int) -> BatchChoice:
    """The largest power of two that fits into a share of the free memory."""
    tokens = min(max_length, LONGEST_PLANNED)
    row = row_bytes(config, tokens, element_bytes)
    fits = max(1, int(free * MEMORY_SHARE) // row)
    largest = LARGEST.get(device, 16)
    size = 1
    while size * 2 <= min(fits, largest):
        size *= 2
    why = (
        f"{size_text(free)} free, about {size_text(row)} for {tokens:,} tokens"
        if size < largest
        else f"{size_text(free)} free holds {fits} sequences of {tokens:,} tokens; {largest} keep a {device} busy"
    )
    return BatchChoice(size, why)
