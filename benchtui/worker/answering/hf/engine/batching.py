"""How much to run at once: from the device, from free memory, and from the batch size that the user asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from benchtui.models.layout import size_text
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.packing import Costs
from benchtui.worker.answering.hf.memory import free_memory
from benchtui.worker.answering.protocol import Observer

# A batch may take this part of the free memory; the rest is left for what cannot be foreseen.
_SHARE = 0.5
# A batch of this many positions or fewer is not divided any further.
SMALLEST = 16
_SMALLEST_BUDGET = 256
_PROBE = 256
# Where lm-eval's `hf` would hold so many rows, generation here holds four times as many in about the same memory:
# `hf` reads all prompts of a batch at once and copies its cache at every step.
_ROWS_FOR_ONE = 4


@dataclass(frozen=True)
class Device:
    """How large a batch makes full use of a kind of device.

    `tokens`: positions in one forward pass; more of them are no faster per position. `rows`: the same for decoding
    steps of one token a row. `forward`: what one more call of the model costs, in tokens.
    """

    tokens: int
    rows: int
    forward: float


_DEVICES = {"cpu": Device(tokens=1024, rows=32, forward=64)}
_OTHER = Device(tokens=16384, rows=128, forward=512)


@dataclass(frozen=True)
class RequestedBatch:
    """The batch that the user asked for: `rows` of up to `longest` tokens; `rows` None lets the engine choose.

    Only the part `share` (0 to 1) of it is used: below 1 after memory ran out.
    """

    rows: int | None
    longest: int
    share: float = 1.0

    @classmethod
    def of(cls, batch_size: int | str, longest: int, share: float) -> RequestedBatch:
        """Read lm-eval's batch size, which is a number of rows or "auto"."""
        return cls(None if batch_size == "auto" else int(batch_size), longest, share)


def costs(backbone: Backbone) -> Costs:
    """Estimate the costs of a forward pass from the model's shape, with measured factors for the rest."""
    config = backbone.config
    weights = sum(parameter.numel() for parameter in backbone.base.parameters() if parameter.dim() > 1)
    embedding = backbone.causal.get_input_embeddings()
    weights -= embedding.weight.numel() if embedding is not None else 0
    pair = 2 * int(config.num_hidden_layers) * int(config.hidden_size)
    # Masked attention reaches about half the rate of the matrices.
    attention = 2 * pair / max(1, weights)
    return Costs(attention=attention, forward=_device(backbone.device).forward, copied=attention / 2)


def token_budget(backbone: Backbone, requested: RequestedBatch) -> tuple[int, str]:
    """Return how many token positions one forward pass may hold, and why."""
    device = _device(backbone.device)
    if requested.rows is not None:
        wanted = max(_SMALLEST_BUDGET, requested.rows * requested.longest)
        budget = max(1, int(requested.share * min(wanted, device.tokens)))
        return budget, f"batch size {requested.rows}, requests up to {requested.longest} tokens"
    free = free_memory(backbone.device)
    each = _bytes_per_token(backbone)
    fits = int(_SHARE * free / each)
    why = f"{size_text(free)} free, {size_text(each)} per token"
    return max(1, int(requested.share * max(_SMALLEST_BUDGET, min(fits, device.tokens)))), why


def rows_at_once(backbone: Backbone, requested: RequestedBatch, cache_bytes_per_token: int) -> tuple[int, str]:
    """Return how many rows are generated at a time, and why; `cache_bytes_per_token` are the key-value cache's bytes.

    `requested.longest` counts the prompt and all tokens that may be generated after it.
    """
    device = _device(backbone.device)
    free = free_memory(backbone.device)
    each = max(1, cache_bytes_per_token * requested.longest)
    fits = max(1, int(_SHARE * free / each))
    rows = (
        device.rows if requested.rows is None else max(requested.rows, min(_ROWS_FOR_ONE * requested.rows, device.rows))
    )
    wish = "auto" if requested.rows is None else f"batch size {requested.rows}"
    why = f"{wish}; {size_text(free)} free"
    return max(1, int(requested.share * min(rows, fits))), why


def _device(device: torch.device) -> Device:
    return _DEVICES.get(device.type, _OTHER)


def _bytes_per_token(backbone: Backbone) -> int:
    """Memory that a forward pass takes for each position: measured by a short one on CUDA, else estimated."""
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
    """Rows of a batch for lm-eval's own code: what the user asked for, else as many as fit with their full logits."""
    if lm.batch_size != "auto":
        return int(lm.batch_size)
    config = lm.model.config
    size = int(getattr(config.get_text_config(), "vocab_size", lm.vocab_size))
    # Logits, their log-softmax, and as much again for the layers.
    each = 4 * 4 * size * int(lm.max_length)
    return max(1, min(int(lm.max_batch_size), int(_SHARE * free_memory(lm.device) / each)))


class TokenBudget:
    """The token positions of one forward pass; halved each time memory runs out, and never raised again."""

    def __init__(self, tokens: int, observer: Observer, why: str) -> None:
        self.tokens = max(SMALLEST, tokens)
        self._observer = observer
        observer.decision("tokens per forward pass", str(self.tokens), why)

    def halve(self, failed: int) -> None:
        """Allow half of the `failed` positions, which were too many."""
        self.tokens = max(SMALLEST, min(self.tokens, failed) // 2)
        why = f"memory ran out at {failed:,} tokens; the batch is retried"
        self._observer.decision("tokens per forward pass", str(self.tokens), why)


def batch_sizes(lengths: Sequence[int], fits: Callable[[int], int], forward: float) -> list[int]:
    """Divide rows of falling `lengths` into batches with the least cost; returns the number of rows of each batch.

    A batch costs its rows times its longest row (padding is computed too), plus `forward` for calling the model; it
    holds at most `fits(longest)` rows. Batches are divided only between rows of different length (dynamic
    programming): the work grows with the square of the number of different lengths, not with the number of rows.
    """
    groups = [(length, len(list(rows))) for length, rows in groupby(lengths)]
    before = [0]
    for _, count in groups:
        before.append(before[-1] + count)
    least, origin = [0.0], [0]
    for end in range(1, len(groups) + 1):
        costs = []
        for start in range(end):
            longest = groups[start][0]
            rows = before[end] - before[start]
            costs.append(least[start] + rows * longest + forward * -(-rows // fits(longest)))
        least.append(min(costs))
        origin.append(costs.index(least[-1]))
    sizes: list[int] = []
    end = len(groups)
    while end:
        start = origin[end]
        rows = before[end] - before[start]
        parts = -(-rows // fits(groups[start][0]))
        sizes.extend(rows // parts + (part < rows % parts) for part in reversed(range(parts)))
        end = start
    return sizes[::-1]
