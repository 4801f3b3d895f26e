"""Key-value caches that many rows can share. All hold every layer at full length, whatever windows the layers have."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache


class FullLengthCache(Cache):
    """What models ask of a cache, for caches that keep no layer objects. Subclasses give `update` and the length."""

    def __init__(self) -> None:
        super().__init__(layers=[])

    def __bool__(self) -> bool:
        """True: `len` counts layer objects, and there are none."""
        return True

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """How many keys the next forward sees, and the position of the first."""
        return self.get_seq_length(layer_idx) + query_length, 0


class PrefixCache(FullLengthCache):
    """The keys and values of one token sequence: [1, heads, length, head width] for each layer.

    A forward with `extended()` computes the next tokens of the sequence; a forward with the cache itself lets any
    number of rows continue the sequence and leaves it as it was.
    """

    def __init__(self, shared: PrefixCache | None = None) -> None:
        super().__init__()
        self.length: int = shared.length if shared else 0
        self.keys: list[torch.Tensor] = list(shared.keys) if shared else []
        self.values: list[torch.Tensor] = list(shared.values) if shared else []
        self._growing = False

    def extended(self) -> PrefixCache:
        """A cache that keeps what the next forward adds; it shares what is here already."""
        longer = PrefixCache(self)
        longer._growing = True
        return longer

    def grown(self, tokens: int) -> PrefixCache:
        """Called after the forward that added `tokens`: from now on rows leave the cache as it is."""
        self.length += tokens
        self._growing = False
        return self

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # the same in every layer
        """Positions in the cache."""
        return self.length

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The prefix's keys and values before the rows' own."""
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
