"""Attention masks for packed and unequal rows, and attention that reads a prefix once for all rows that share it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache

Mask: TypeAlias = torch.Tensor | dict[str, torch.Tensor]


@dataclass(frozen=True)
class MaskStyle:
    """The form in which a model takes its masks.

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
            return self._in_form(allowed)
        sliding = self._in_form(allowed & (distance < self.window))
        if not self.by_layer_type:
            return sliding
        return {"full_attention": self._in_form(allowed), "sliding_attention": sliding}

    def _in_form(self, allowed: torch.Tensor) -> torch.Tensor:
        allowed = allowed.unsqueeze(1)
        if not self.additive:
            return allowed
        blocked = torch.full((), torch.finfo(self.dtype).min, dtype=self.dtype, device=allowed.device)
        return torch.where(allowed, torch.zeros_like(blocked), blocked)


def tree_allowed(ends: torch.Tensor) -> torch.Tensor:
    """Return which columns of a packed row attend to which: booleans [batch, queries, keys].

    A row holds a tree in depth-first order, so that everything below column k lies in columns k..ends[k]-1:
    column q attends to column k when q lies in that range.
    """
    columns = torch.arange(ends.shape[1], device=ends.device)
    query, key = columns[None, :, None], columns[None, None, :]
    return (key <= query) & (query < ends[:, None, :])


def distances(query_positions: torch.Tensor, key_positions: torch.Tensor) -> torch.Tensor:
    """Return by how many positions each key lies before each query: [batch, queries, keys]."""
    return query_positions[:, :, None] - key_positions[:, None, :]


_NAME = "benchtui_shared_prefix"
# Arguments of attention functions that change the result in a way not computed here.
_UNSUPPORTED = ("s_aux", "position_bias", "head_mask")


class SharedPrefixAttention:
    """Attention of one decoding step of many rows after the same `prefix`, which may be empty.

    The queries of all rows are multiplied with the prefix's keys in one matrix product for each key head; each row's
    own keys follow, and one softmax runs over both. The mask, [rows, 1, 1, prefix + own], covers the prefix first.
    Also known as cascade attention.
    """

    def __init__(self, prefix: PrefixCache) -> None:
        self._prefix = prefix

    def attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor,
        scaling: float | None = None,
        softcap: float | None = None,
        **others: Any,
    ) -> tuple[torch.Tensor, None]:
        """Compute attention: query [rows, heads, 1, width] to [rows, 1, heads, width]. Called by transformers.

        Raises NotImplementedError for a model family whose attention takes a term that is not computed here.
        """
        extra = [name for name in _UNSUPPORTED if others.get(name) is not None]
        if extra or query.shape[2] != 1:
            raise NotImplementedError(f"attention to a shared prefix does not know {', '.join(extra) or 'this shape'}")
        rows, heads, _, width = query.shape
        groups = key.shape[1]
        grouped = query.reshape(rows, groups, heads // groups, width) * (width**-0.5 if scaling is None else scaling)
        # Keys times queries, not the other way round: half the time where a key head has a single query head.
        scores = (key @ grouped.transpose(2, 3)).transpose(2, 3)
        layer = module.layer_idx
        if self._prefix.length:
            scores = torch.cat([_rows_times(grouped, self._prefix.keys[layer][0].transpose(1, 2)), scores], dim=-1)
        if softcap is not None:
            scores = torch.tanh(scores / softcap) * softcap
        weights = _masked_softmax(scores, attention_mask).to(query.dtype)
        output = weights[..., self._prefix.length :] @ value
        if self._prefix.length:
            output = output + _rows_times(weights[..., : self._prefix.length], self._prefix.values[layer][0])
        return output.reshape(rows, 1, heads, -1), None


def _rows_times(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply [rows, groups, heads of a group, n] by [groups, n, m], all rows of a group in one product."""
    rows, groups, heads, n = left.shape
    product = left.transpose(0, 1).reshape(groups, rows * heads, n) @ right
    return product.view(groups, rows, heads, -1).transpose(0, 1)


def _masked_softmax(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, dim=-1, dtype=torch.float32)


def shared_attention_is_faster(backbone: Backbone) -> bool:
    """Whether this attention is faster than the model's own even when no prefix is shared.

    It is, on a CPU in float32 where every key head has one query head (measured at widths 32 to 128).
    """
    config = backbone.config
    heads = getattr(config, "num_attention_heads", 0)
    separate = getattr(config, "num_key_value_heads", heads) == heads
    return bool(separate and backbone.device.type == "cpu" and backbone.dtype == torch.float32)


@contextlib.contextmanager
def attending_to_shared_prefix(backbone: Backbone, prefix: PrefixCache | None) -> Iterator[None]:
    """Inside this context the model attends to `prefix` as all rows' shared prefix; None changes nothing."""
    if prefix is None:
        yield
        return
    config = backbone.config
    before = config._attn_implementation  # noqa: SLF001  # where transformers keeps it
    ALL_ATTENTION_FUNCTIONS.register(_NAME, SharedPrefixAttention(prefix).attend)
    config._attn_implementation = _NAME  # noqa: SLF001
    try:
        yield
    finally:
        config._attn_implementation = before  # noqa: SLF001
