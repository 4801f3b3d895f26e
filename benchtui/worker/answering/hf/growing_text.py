"""Texts in a transformers model's memory that grow by tokens, fork and are cut back, without computing twice."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch

from benchtui.worker.answering.growing_text import RecomputedText, TokenText
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine.prefix_cache import FullLengthCache, run_in_pieces
from benchtui.worker.answering.next_token import GrowingText, LogProbs
from benchtui.worker.answering.protocol import Ids, Observer

# Buffers grow by at least this many positions, and by at least this fraction of their width: growing copies them.
_STEP = 64
_GROWTH = 4


def grow(distributions: TextDistributions, observer: Observer) -> GrowingText:
    """Begin a text without tokens.

    Where the model's cache cannot be cut and continued (recurrent layers, adapters with tokens of their own), every
    step computes the whole text again, and the observer is informed.
    """
    if distributions.capabilities.shares_prefixes:
        return CachedText(distributions, observer, TextCache())
    observer.decision("growing text", "computed again at each step", distributions.capabilities.why)
    return RecomputedText(distributions.of, observer)


class CachedText(TokenText):
    """A growing text that keeps the keys and values of its tokens: a step runs the new tokens alone."""

    def __init__(self, distributions: TextDistributions, observer: Observer, cache: TextCache, ids: Ids = ()) -> None:
        super().__init__(observer, ids)
        self._distributions = distributions
        self._cache = cache

    def _computed(self, longer: list[int], asked: int) -> LogProbs:
        self._distributions.check_length(len(longer))
        return self._continued(longer, asked) if self._can_cache(len(longer)) else self._again(longer, asked)

    def fork(self) -> CachedText:
        """As `GrowingText.fork`."""
        return CachedText(self._distributions, self._observer, self._cache.fork(), self._ids)

    def cut(self, length: int) -> None:
        """As `GrowingText.cut`."""
        super().cut(length)
        self._cache.length = min(self._cache.length, length)

    def _can_cache(self, tokens: int) -> bool:
        return tokens <= self._distributions.capabilities.longest

    def _continued(self, longer: list[int], asked: int) -> LogProbs:
        """Run the tokens that are not in the cache yet."""
        backbone, cache = self._distributions.backbone, self._cache

        def forward(piece: torch.Tensor) -> torch.Tensor:
            cache.make_room(piece.shape[1])
            with backbone.before_each_layer(self._observer.check):
                hidden = backbone.hidden(piece, cache=cache)[0]
            cache.length += piece.shape[1]
            return hidden

        before = cache.length
        ids = torch.tensor([longer[before:]], device=backbone.device)
        budget = self._distributions.budget(self._observer)
        try:
            hidden = self._distributions.compute(lambda: run_in_pieces(forward, ids, before, budget, self._observer))
            found = list(self._distributions.chunks_of_logits(hidden[len(hidden) - asked :]))
            self.logsumexp = np.concatenate([sums for _, sums in found])
            return np.concatenate([logprobs for logprobs, _ in found])
        except BaseException:
            cache.length = before  # the text has not grown
            raise

    def _again(self, longer: list[int], asked: int) -> LogProbs:
        """Run the whole text: from this length on, the model computes all positions in another way."""
        if self._can_cache(len(self._ids)):
            longest = self._distributions.capabilities.longest
            why = f"beyond {longest:,} tokens the rotary embedding depends on the length"
            self._observer.decision("growing text", "computed again at each step", why)
        return RecomputedText(self._distributions.of, self._observer, self._ids).step(longer[len(self._ids) :], asked)


class _Buffers:
    """Keys and values [1, heads, width, head width] for each layer, and the caches that use them."""

    def __init__(self, keys: list[torch.Tensor], values: list[torch.Tensor]) -> None:
        self.keys = keys
        self.values = values
        self.users: weakref.WeakSet[TextCache] = weakref.WeakSet()


class TextCache(FullLengthCache):
    """The keys and values of one text, of which the first `length` positions count.

    Forks share their buffers until one writes where another's positions lie: that one then gets buffers of its own.
    """

    def __init__(self, buffers: _Buffers | None = None, length: int = 0) -> None:
        super().__init__()
        self.length = length
        self._use(buffers or _Buffers([], []))

    def fork(self) -> TextCache:
        """Return a cache of the same positions."""
        return TextCache(self._buffers, self.length)

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # the same in every layer
        """Return the number of positions."""
        return self.length

    def make_room(self, tokens: int) -> None:
        """Get buffers that may be written from `length` on, for so many tokens. Call this before a forward pass."""
        end = self.length + tokens
        with torch.inference_mode():
            if any(other.length > self.length for other in self._buffers.users if other is not self):
                keys = [self._wider(buffer, end) for buffer in self._buffers.keys]
                values = [self._wider(buffer, end) for buffer in self._buffers.values]
                self._buffers.users.discard(self)
                self._use(_Buffers(keys, values))
            for buffers in (self._buffers.keys, self._buffers.values):
                for layer, buffer in enumerate(buffers):
                    if buffer.shape[2] < end:
                        buffers[layer] = self._wider(buffer, end)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write new positions behind the others; returns the keys and values of all."""
        end = self.length + key_states.shape[2]
        written = []
        for buffers, states in ((self._buffers.keys, key_states), (self._buffers.values, value_states)):
            if layer_idx == len(buffers):
                buffers.append(self._wider(states[:, :, :0], end))
            buffers[layer_idx][:, :, self.length : end] = states
            written.append(buffers[layer_idx][:, :, :end])
        return written[0], written[1]

    def _use(self, buffers: _Buffers) -> None:
        self._buffers = buffers
        buffers.users.add(self)

    def _wider(self, buffer: torch.Tensor, end: int) -> torch.Tensor:
        """Copy this cache's positions into a buffer of at least `end` positions."""
        width = -(-max(end, self.length + self.length // _GROWTH) // _STEP) * _STEP
        wider = buffer.new_empty((1, buffer.shape[1], width, buffer.shape[3]))
        wider[:, :, : self.length] = buffer[:, :, : self.length]
        return wider
