"""Attention for one-token steps: a prefix that all rows continue is read once for all of them, not once for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.kv_cache import PrefixCache

_NAME = "benchtui_cascade"
# Things that a family may hand its attention function and that change the result in a way not computed here.
_UNSUPPORTED = ("s_aux", "position_bias", "head_mask")


class Cascade:
    """One step of many rows behind a common `prefix`, which may be empty.

    The queries of all rows meet the prefix's keys in one matrix product for each key head; each row's own keys
    follow, and one softmax runs over both. The mask, [rows, 1, 1, prefix + own], covers the prefix first.
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
        """The signature of transformers' attention functions: query [rows, heads, 1, width] to [rows, 1, heads, width].

        Raises NotImplementedError for a family that adds something to its attention that is not computed here.
        """
        extra = [name for name in _UNSUPPORTED if others.get(name) is not None]
        if extra or query.shape[2] != 1:
            raise NotImplementedError(f"attention in common does not know {', '.join(extra) or 'this shape'}")
        rows, heads, _, width = query.shape
        groups = key.shape[1]
        grouped = query.reshape(rows, groups, heads // groups, width) * (width**-0.5 if scaling is None else scaling)
        # Keys times queries, not the other way round: half the time where a key head has a single query head.
        scores = (key @ grouped.transpose(2, 3)).transpose(2, 3)
        layer = module.layer_idx
        if self._prefix.length:
            scores = torch.cat([_against_all(grouped, self._prefix.keys[layer][0].transpose(1, 2)), scores], dim=-1)
        if softcap is not None:
            scores = torch.tanh(scores / softcap) * softcap
        weights = _masked_softmax(scores, attention_mask).to(query.dtype)
        output = weights[..., self._prefix.length :] @ value
        if self._prefix.length:
            output = output + _against_all(weights[..., : self._prefix.length], self._prefix.values[layer][0])
        return output.reshape(rows, 1, heads, -1), None


def _against_all(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """[rows, groups, heads of a group, n] times [groups, n, m], the rows of a group in one product."""
    rows, groups, heads, n = left.shape
    product = left.transpose(0, 1).reshape(groups, rows * heads, n) @ right
    return product.view(groups, rows, heads, -1).transpose(0, 1)


def _masked_softmax(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, dim=-1, dtype=torch.float32)


def pays(backbone: Backbone) -> bool:
    """Whether this attention is the faster one without a common prefix too.

    It is on a CPU in float32 where every key head has its own query head; measured at widths 32 to 128.
    """
    config = backbone.config
    heads = getattr(config, "num_attention_heads", 0)
    separate = getattr(config, "num_key_value_heads", heads) == heads
    return bool(separate and backbone.device.type == "cpu" and backbone.dtype == torch.float32)


@contextlib.contextmanager
def cascading(backbone: Backbone, prefix: PrefixCache | None) -> Iterator[None]:
    """While entered, the model's attention runs behind `prefix`; with None it is left as it is."""
    if prefix is None:
        yield
        return
    config = backbone.config
    before = config._attn_implementation  # noqa: SLF001  # where transformers keeps it
    ALL_ATTENTION_FUNCTIONS.register(_NAME, Cascade(prefix).attend)
    config._attn_implementation = _NAME  # noqa: SLF001
    try:
        yield
    finally:
        config._attn_implementation = before  # noqa: SLF001
