"""Key-value caches of prefixes that many rows share. They hold every layer at full length, whatever its window."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from transformers.cache_utils import Cache

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.batching import SMALLEST, TokenBudget
from benchtui.worker.answering.hf.engine.prefix_tree import Tokens
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.protocol import Observer


class FullLengthCache(Cache):
    """The methods that models call on a cache, without layer objects. Subclasses define `update` and the length."""

    def __init__(self) -> None:
        super().__init__(layers=[])

    def __bool__(self) -> bool:
        """True: `len` counts layer objects, and there are none."""
        return True

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Return how many keys the next forward pass attends to, and the position of the first."""
        return self.get_seq_length(layer_idx) + query_length, 0


class PrefixCache(FullLengthCache):
    """The keys and values of one token sequence: [1, heads, length, head width] for each layer.

    A forward pass with `extended()` adds the next tokens to the sequence. A forward pass with the cache itself lets any
    number of rows continue the sequence, and does not change it.
    """

    def __init__(self, shared: PrefixCache | None = None) -> None:
        super().__init__()
        self.length: int = shared.length if shared else 0
        self.keys: list[torch.Tensor] = list(shared.keys) if shared else []
        self.values: list[torch.Tensor] = list(shared.values) if shared else []
        self._growing = False

    def extended(self) -> PrefixCache:
        """Return a cache that keeps what the next forward pass adds; the tensors that exist already are shared."""
        longer = PrefixCache(self)
        longer._growing = True
        return longer

    def grown(self, tokens: int) -> PrefixCache:
        """Count the `tokens` that the forward pass added; later forward passes no longer change the cache."""
        self.length += tokens
        self._growing = False
        return self

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # the same in every layer
        """Return the number of positions in the cache."""
        return self.length

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the prefix's keys and values followed by the rows' own."""
        keys = _after(self.keys, layer_idx, key_states)
        values = _after(self.values, layer_idx, value_states)
        if self._growing:
            self.keys[layer_idx : layer_idx + 1] = [keys]
            self.values[layer_idx : layer_idx + 1] = [values]
        return keys, values


def _after(prefix: list[torch.Tensor], layer: int, states: torch.Tensor) -> torch.Tensor:
    if layer >= len(prefix):
        return states
    return torch.cat([prefix[layer].expand(states.shape[0], -1, -1, -1), states], dim=2)


def read_prefix(
    backbone: Backbone, tokens: Tokens, past: PrefixCache | None, budget: TokenBudget, observer: Observer
) -> tuple[PrefixCache, torch.Tensor]:
    """Run `tokens` after `past`; returns the longer cache and the hidden states [tokens, width].

    The tokens are divided into as few forward passes as the budget allows.

    Raises `OutOfMemoryError` when not even a small piece fits.
    """
    cache = past or PrefixCache()

    def forward(piece: torch.Tensor) -> torch.Tensor:
        nonlocal cache
        longer = cache.extended()
        hidden = backbone.hidden(piece, cache=longer)
        cache = longer.grown(piece.shape[1])
        return hidden[0]

    ids = torch.from_numpy(tokens.astype("int64")).unsqueeze(0).to(backbone.device)
    hidden = run_in_pieces(forward, ids, cache.length, budget, observer)
    return cache, hidden


def run_in_pieces(
    forward: Callable[[torch.Tensor], torch.Tensor],
    ids: torch.Tensor,
    past: int,
    budget: TokenBudget,
    observer: Observer,
) -> torch.Tensor:
    """Call `forward` with consecutive pieces of `ids` [1, n]; returns the hidden states of all of them [n, width].

    `past` counts the cached tokens before them. Raises `OutOfMemoryError` when not even a small piece fits.
    """
    done, hidden = 0, []
    while done < ids.shape[1]:
        piece = ids[:, done : done + budget.tokens]
        computed = unless_out_of_memory(functools.partial(forward, piece), ids.device)
        if computed is None:
            if piece.shape[1] <= SMALLEST:
                raise does_not_fit(past + ids.shape[1], ids.device)
            budget.halve(piece.shape[1])
            continue
        observer.tokens(piece.shape[1])
        hidden.append(computed)
        done += piece.shape[1]
    return torch.cat(hidden)
