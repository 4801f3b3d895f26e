"""How many sequences the hf backend answers at once, by its two engines: from the model's shape and free memory.

The engines ask these rules with what they measured, the wizard asks them with what a model's files tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchtui.models.layout import size_text

# lm-eval's own model: so many sequences at once, chosen when it is loaded.

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
    wide = int(getattr(text, "intermediate_size", None) or 4 * hidden)
    logits = 2 * vocabulary * element_bytes
    activations = (4 * hidden + 3 * wide) * element_bytes
    return tokens * (logits + cache_bytes_per_token(text, element_bytes) + activations)


def cache_bytes_per_token(config: Any, element_bytes: int) -> int:
    """Memory of the keys and values of one position in all layers, in bytes."""
    hidden = int(getattr(config, "hidden_size", 4096))
    layers = int(getattr(config, "num_hidden_layers", 32))
    heads = int(getattr(config, "num_attention_heads", None) or 32)
    kv_heads = int(getattr(config, "num_key_value_heads", None) or heads)
    head = int(getattr(config, "head_dim", None) or hidden // heads)
    return 2 * layers * kv_heads * head * element_bytes


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


# benchtui's engine: so many tokens in a forward pass, and so many texts generated at a time, chosen task by task.

FAST_SHARE = 0.5
"""A batch may take this part of the free memory; the rest is left for what cannot be foreseen."""
SMALLEST_BUDGET = 256
_ROWS_FOR_ONE = 4
"""Where lm-eval's model would hold so many rows, this one generates four times as many in about the same memory: the
other reads all prompts of a batch at once and copies its cache at every step."""


@dataclass(frozen=True)
class Device:
    """How large a batch makes full use of a kind of device.

    `tokens`: positions in one forward pass; more of them are no faster per position. `rows`: the same for decoding
    steps of one token a row. `forward`: what one more call of the model costs, in tokens.
    """

    tokens: int
    rows: int
    forward: float


def device_of(kind: str) -> Device:
    """What suits a device; `kind` is PyTorch's word for its type."""
    if kind == "cpu":
        return Device(tokens=1024, rows=32, forward=64)
    return Device(tokens=16384, rows=128, forward=512)


def tokens_that_fit(device: Device, free: int, bytes_per_token: int) -> int:
    """Token positions for one forward pass where the user asked for no batch size."""
    return max(SMALLEST_BUDGET, min(int(FAST_SHARE * free / bytes_per_token), device.tokens))


def rows_wanted(device: Device, asked: int | None) -> int:
    """Texts to generate at a time for the batch size that the user asked for, None for none."""
    return device.rows if asked is None else max(asked, min(_ROWS_FOR_ONE * asked, device.rows))


def rows_that_fit(free: int, row: int) -> int:
    """Texts that can be generated at a time; `row` is the memory of the longest in bytes."""
    return max(1, int(FAST_SHARE * free / max(1, row)))


def forward_bytes_per_token(config: Any, element_bytes: int) -> int:
    """Memory that a forward pass takes for each position, in bytes: at the widest point the block's input, its
    normalised copy, and the gated pair with its product."""
    hidden = int(config.hidden_size)
    inner = int(getattr(config, "intermediate_size", None) or 4 * hidden)
    return (4 * hidden + 4 * inner) * element_bytes


def same_as_automatic(device: Device, rows: int) -> int:
    """The batch size, a power of two, at which as many `rows` are generated at a time as without one."""
    size = 1
    while rows_wanted(device, size) < min(rows, device.rows):
        size *= 2
    return size
