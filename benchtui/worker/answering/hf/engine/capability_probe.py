"""Tries each way of computing on a few tokens of the model, and compares with what the model computes by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from benchtui.worker.answering.hf.engine.attention import MaskStyle, distances, tree_allowed
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.decoding import Slots, decode_step, read_prompts
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache

_PREFIX, _SHORT, _LONG = 5, 3, 4
# Errors of models that do not accept masks, positions or caches made outside them.
_REFUSALS = (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError, AssertionError)


class CapabilityProbe:
    """A prefix with two continuations. Each method tries one way and returns what went wrong, "" when nothing did."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        generator = torch.Generator().manual_seed(0)
        size = (1, _PREFIX + _SHORT + _LONG)
        ids = torch.randint(0, int(backbone.config.vocab_size), size, generator=generator).to(backbone.device)
        self._prefix, self._short, self._long = ids[:, :_PREFIX], ids[:, _PREFIX:-_LONG], ids[:, -_LONG:]
        self._expected = torch.cat([self._plain(self._short), self._plain(self._long)])
        self.cache_bytes_per_token = 0

    def _plain(self, continuation: torch.Tensor) -> torch.Tensor:
        ids = torch.cat([self._prefix, continuation], dim=1)
        return self.backbone.plain_logits(ids)[0, _PREFIX:].float()

    def packed(self, style: MaskStyle) -> str:
        """Put both continuations in one row, under a tree mask."""
        ids = torch.cat([self._prefix, self._short, self._long], dim=1)
        fork, second, width = _PREFIX, _PREFIX + _SHORT, ids.shape[1]
        ends = torch.tensor([[width] * fork + [second] * _SHORT + [width] * _LONG], device=ids.device)
        positions = torch.tensor([[*range(second), *range(fork, fork + _LONG)]], device=ids.device)

        def compute() -> torch.Tensor:
            mask = style.mask(tree_allowed(ends), distances(positions, positions), width)
            return self.backbone.logits(self.backbone.hidden(ids, positions, mask)[0, fork:])

        return self._compared(compute, slice(None))

    def kept(self) -> str:
        """Run both continuations as rows after the cached prefix."""
        padding = self._long.new_zeros((1, _LONG - _SHORT))
        ids = torch.cat([torch.cat([self._short, padding], dim=1), self._long])

        def compute() -> torch.Tensor:
            hidden = self.backbone.hidden(ids, cache=self._cache())
            return self.backbone.logits(torch.cat([hidden[0, :_SHORT], hidden[1]]))

        return self._compared(compute, slice(None))

    def stepped(self, style: MaskStyle, shared_attention: bool) -> str:
        """Decode both continuations in one batch: run all but their last tokens, then one step.

        With `shared_attention` the rows share one copy of the prefix, else each has its own.
        """

        def compute() -> torch.Tensor:
            cache, slots = self._cache(), Slots(2, self.backbone.device)
            shared_prefix = cache if shared_attention else None
            rests = [row[0, :-1].cpu().numpy().astype(np.int32) for row in (self._short, self._long)]
            read_prompts(self.backbone, slots, cache, shared_prefix, rests)
            newest = [int(self._short[0, -1]), int(self._long[0, -1])]
            return decode_step(self.backbone, style, slots, shared_prefix, newest)

        return self._compared(compute, [_SHORT - 1, _SHORT + _LONG - 1])

    def _cache(self) -> PrefixCache:
        cache = PrefixCache().extended()
        self.backbone.hidden(self._prefix, cache=cache)
        kept = sum(states.numel() * states.element_size() for states in (*cache.keys, *cache.values))
        self.cache_bytes_per_token = kept // _PREFIX
        return cache.grown(_PREFIX)

    def _compared(self, compute: Callable[[], torch.Tensor], rows: slice | list[int]) -> str:
        try:
            logits = compute().float()
        except _REFUSALS as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
        expected = self._expected[rows]
        difference, spread = float((logits - expected).abs().max()), float(expected.max() - expected.min())
        exact = self.backbone.dtype in (torch.float32, torch.float64)
        if difference <= (1e-4 + 1e-5 * spread if exact else 0.05 * spread):
            return ""
        return f"the logits change by {difference:.2g}"
