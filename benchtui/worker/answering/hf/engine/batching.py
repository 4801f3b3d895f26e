"""How much to run at once: from the device, from free memory, and from the batch size that the user asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch

from benchtui.backends.hf_batch import (
    FAST_SHARE,
    SMALLEST_BUDGET,
    device_of,
    forward_bytes_per_token,
    rows_that_fit,
    rows_wanted,
    tokens_that_fit,
)
from benchtui.models.layout import size_text
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.packing import Costs
from benchtui.worker.answering.hf.memory import free_memory
from benchtui.worker.answering.hf.spread import layers_by_device
from benchtui.worker.answering.hf.timing import causal_of
from benchtui.worker.answering.protocol import Observer

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel

# A batch of this many positions or fewer is not divided any further.
SMALLEST = 16
_PROBE = 256


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
    return Costs(attention=attention, forward=device_of(backbone.device.type).forward, copied=attention / 2)


def token_budget(backbone: Backbone, requested: RequestedBatch) -> tuple[int, str]:
    """Return how many token positions one forward pass may hold, and why."""
    device = device_of(backbone.device.type)
    if requested.rows is not None:
        wanted = max(SMALLEST_BUDGET, requested.rows * requested.longest)
        budget = max(1, int(requested.share * min(wanted, device.tokens)))
        return budget, f"batch size {requested.rows}, requests up to {requested.longest} tokens"
    free = _free_for_passes(backbone.causal)
    each = _bytes_per_token(backbone)
    why = f"{size_text(free)} free, {size_text(each)} per token"
    return max(1, int(requested.share * tokens_that_fit(device, free, each))), why


def rows_at_once(
    backbone: Backbone, requested: RequestedBatch, cache_bytes_per_token: int, free: int | None = None
) -> tuple[int, str]:
    """Return how many rows are generated at a time, and why; `cache_bytes_per_token` are the key-value cache's bytes,
    `free` those that were there for it before anything was computed, None for those that are now.

    `requested.longest` counts the prompt and all tokens that may be generated after it.
    """
    device = device_of(backbone.device.type)
    free = free_for_caches(backbone) if free is None else free
    fits = rows_that_fit(free, cache_bytes_per_token * requested.longest)
    rows = rows_wanted(device, requested.rows)
    wish = "auto" if requested.rows is None else f"batch size {requested.rows}"
    why = f"{wish}; {size_text(free)} free"
    return max(1, int(requested.share * min(rows, fits))), why


def _free_for_passes(model: Any) -> int:
    """Free bytes where a pass has least of them: each device that `model` is on computes the whole pass in turn."""
    return min(free_memory(device) for device in layers_by_device(model))


def free_for_caches(backbone: Backbone) -> int:
    """Free bytes for keys and values of all layers, which are held where their layers compute: what the fullest device
    has for its part of them decides."""
    layers = layers_by_device(backbone.causal)
    return min(free_memory(device) * layers.total() // count for device, count in layers.items())


def _bytes_per_token(backbone: Backbone) -> int:
    """Memory that a forward pass takes for each position: measured by a short one on CUDA, else estimated."""
    if backbone.device.type == "cuda":
        ids = torch.zeros((1, _PROBE), dtype=torch.long, device=backbone.device)
        devices = list(layers_by_device(backbone.causal))
        for device in devices:
            torch.cuda.reset_peak_memory_stats(device)
        before = [torch.cuda.memory_allocated(device) for device in devices]
        backbone.hidden(ids)
        taken = (torch.cuda.max_memory_allocated(device) for device in devices)
        return max(1, *((most - held) // _PROBE for most, held in zip(taken, before, strict=True)))
    return forward_bytes_per_token(backbone.config, torch.finfo(backbone.dtype).bits // 8)


def rows_of_lm_eval(lm: HFModel) -> int:
    """Rows of a batch for lm-eval's own code: what the user asked for, else as many as fit with their full logits."""
    if lm.batch_size != "auto":
        return int(lm.batch_size)
    config = lm.model.config
    size = int(getattr(config.get_text_config(), "vocab_size", None) or lm.vocab_size)
    # Logits, their log-softmax, and as much again for the layers.
    each = 4 * 4 * size * int(lm.max_length)
    fit = int(FAST_SHARE * _free_for_passes(causal_of(lm.model)) / each)
    return max(1, min(fit, int(lm.max_batch_size or fit)))


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
