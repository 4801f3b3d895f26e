"""Key-value caches that many rows can share."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


class _PrefixLayer(CacheLayerMixin):
    """One layer's keys and values of a prefix, [1, heads, length, width], put before those of any number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.growing = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys = key_states[:1, :, :0]
        self.values = value_states[:1, :, :0]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rows = key_states.shape[0]
        keys = torch.cat([self.keys.expand(rows, -1, -1, -1), key_states], dim=-2)
        values = torch.cat([self.values.expand(rows, -1, -1, -1), value_states], dim=-2)
        if self.growing:
            self.keys, self.values = keys, values
        return keys, values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        return self.keys.shape[-2] if self.is_initialized else 0

    def get_max_length(self) -> int:
        return -1


class PrefixCache(Cache):
    """The keys and values of one token sequence, full length in every layer, whatever windows the layers have.

    It is extended by running the next tokens of the sequence with `extended()`; with the cache itself, any number of
    rows continue the sequence and leave it as it was.
    """

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=_PrefixLayer)
        self.length = 0

    def extended(self, tokens: int) -> PrefixCache:
        """A cache that takes `tokens` more in when the next forward runs with it, sharing what is here already."""
        longer = PrefixCache()
        longer.length = self.length + tokens
        for layer in self.layers:
            copy = _PrefixLayer()
            copy.keys, copy.values, copy.is_initialized = layer.keys, layer.values, True
            longer.layers.append(copy)
        return longer

    def freeze(self) -> PrefixCache:
        """From now on rows continue the sequence without changing it."""
        for layer in self.layers:
            layer.growing = False
        return self
