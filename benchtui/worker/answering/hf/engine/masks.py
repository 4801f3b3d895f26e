"""Who may look at whom: attention masks for rows that hold a tree of continuations, or that differ in length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch

Mask: TypeAlias = torch.Tensor | dict[str, torch.Tensor]


@dataclass(frozen=True)
class MaskStyle:
    """How a model wants its masks.

    `additive`: numbers added to the scores (eager attention) rather than booleans. `window`: positions a sliding
    layer looks back on, itself included, None where there are no such layers. `by_layer_type`: the model takes one
    mask for each layer type, in a dict.
    """

    additive: bool
    dtype: torch.dtype
    window: int | None
    by_layer_type: bool

    def mask(self, allowed: torch.Tensor, distance: torch.Tensor, longest: int) -> Mask:
        """The mask for `allowed` [batch, queries, keys], where `distance` [batch, queries, keys] counts positions.

        `longest` is the largest position that occurs: below the window a sliding layer sees everything.
        """
        if self.window is None or longest < self.window:
            return self._finished(allowed)
        sliding = self._finished(allowed & (distance < self.window))
        if not self.by_layer_type:
            return sliding
        return {"full_attention": self._finished(allowed), "sliding_attention": sliding}

    def _finished(self, allowed: torch.Tensor) -> torch.Tensor:
        allowed = allowed.unsqueeze(1)
        if not self.additive:
            return allowed
        blocked = torch.full((), torch.finfo(self.dtype).min, dtype=self.dtype, device=allowed.device)
        return torch.where(allowed, torch.zeros_like(blocked), blocked)


def tree_allowed(ends: torch.Tensor) -> torch.Tensor:
    """Which columns of a packed row see which: [batch, length, length], for queries by keys.

    A row holds a tree in depth-first order, so that everything below column k lies in columns k..ends[k]-1:
    column q sees column k when it lies in that range.
    """
    columns = torch.arange(ends.shape[1], device=ends.device)
    query, key = columns[None, :, None], columns[None, None, :]
    return (key <= query) & (query < ends[:, None, :])


def distances(query_positions: torch.Tensor, key_positions: torch.Tensor) -> torch.Tensor:
    """How far back each key lies from each query: [batch, queries, keys]."""
    return query_positions[:, :, None] - key_positions[:, None, :]
