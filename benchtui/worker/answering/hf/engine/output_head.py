"""Log-probabilities of given tokens at given positions, without holding the whole vocabulary for all positions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody uses
from numpy.typing import NDArray

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.not_a_number import NotANumberError

# Logits held at once. On a CPU a chunk that stays near the caches is also the faster one.
_CHUNK_BYTES = {"cpu": 32 << 20, "cuda": 512 << 20, "mps": 128 << 20}
_FEWEST_POSITIONS = 16


Signal = Callable[[torch.Tensor], NDArray[np.float32]]
"""Computes how unsure the model is, float32 [n], from logits [n, vocabulary]."""


@dataclass(frozen=True)
class ScoredTokens:
    """For each (position, token): its log-probability, whether it is the most likely token, and how unsure the model is
    at the position (None where that is not asked). On the CPU."""

    logprobs: torch.Tensor
    greedy: NDArray[np.bool_]
    signal: NDArray[np.float32] | None

    def at(self, places: slice | NDArray[np.int64]) -> ScoredTokens:
        """Return those at some places."""
        picked = places if isinstance(places, slice) else torch.from_numpy(places)
        signal = self.signal[places] if self.signal is not None else None
        return ScoredTokens(self.logprobs[picked], self.greedy[places], signal)

    @classmethod
    def joined(cls, parts: Sequence[ScoredTokens]) -> ScoredTokens:
        """Return all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        signals = [part.signal for part in parts if part.signal is not None]
        return cls(
            torch.cat([part.logprobs for part in parts]),
            np.concatenate([part.greedy for part in parts]),
            np.concatenate(signals) if signals else None,
        )


class OutputHead:
    """Computes log-probabilities from hidden states, in chunks of positions and in the dtypes of lm-eval's `hf`; and a
    `signal` from the same logits."""

    def __init__(self, backbone: Backbone, softmax_dtype: torch.dtype | None, signal: Signal | None = None) -> None:
        self._backbone = backbone
        self._softmax_dtype = softmax_dtype
        self._signal = signal
        size = int(backbone.config.vocab_size)
        chunk = _CHUNK_BYTES.get(backbone.device.type, _CHUNK_BYTES["cpu"])
        self._positions = max(_FEWEST_POSITIONS, chunk // (4 * size))

    def score(self, hidden: torch.Tensor, positions: NDArray[np.int64], tokens: NDArray[np.int64]) -> ScoredTokens:
        """Score `tokens[i]` at row `positions[i]` of `hidden` [n, width]; a position may occur many times."""
        order = np.argsort(positions, kind="stable")
        distinct, place = np.unique(positions[order], return_inverse=True)
        sought = tokens[order]
        parts: list[ScoredTokens] = []
        first = 0
        while first < len(distinct):
            last = min(first + self._positions, len(distinct))
            low, high = np.searchsorted(place, [first, last])
            chunk = functools.partial(
                self._chunk, hidden, distinct[first:last], place[low:high] - first, sought[low:high]
            )
            scored = unless_out_of_memory(chunk, hidden.device)
            if scored is None:
                self._shrink(hidden.device)
                continue
            parts.append(scored)
            first = last
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        return ScoredTokens.joined(parts).at(inverse)

    def _chunk(
        self, hidden: torch.Tensor, rows: NDArray[np.int64], place: NDArray[np.int64], tokens: NDArray[np.int64]
    ) -> ScoredTokens:
        device = hidden.device
        with torch.inference_mode():
            logits = self._backbone.logits(hidden.index_select(0, torch.from_numpy(rows).to(device)))
            signal = self._signal(logits) if self._signal is not None else None
            logprobs = F.log_softmax(logits, dim=-1, dtype=self._softmax_dtype)
            del logits
            best = logprobs.argmax(dim=-1).cpu().numpy()
            chosen = logprobs[torch.from_numpy(place).to(device), torch.from_numpy(tokens).to(device)].cpu()
        return ScoredTokens(chosen, best[place] == tokens, None if signal is None else signal[place])

    def next_token_logprobs(self, hidden: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return float32 log-probabilities [k, vocabulary] for the first k rows of `hidden` [n, width], and the
        logsumexp of their logits [k].

        k is as many as a chunk holds. Raises NotANumberError where the model computes NaN.
        """
        while True:
            rows = hidden[: self._positions]
            logprobs = unless_out_of_memory(functools.partial(self._all_logprobs, rows), hidden.device)
            if logprobs is not None:
                return logprobs
            self._shrink(hidden.device)

    def _all_logprobs(self, hidden: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            logits = self._backbone.float32_logits(hidden)
            return checked_logprobs(logits), logits.logsumexp(-1).cpu().numpy()

    def _shrink(self, device: torch.device) -> None:
        if self._positions == 1:
            raise does_not_fit(1, device)
        self._positions = max(1, self._positions // 2)


def checked_logprobs(logits: torch.Tensor) -> NDArray[np.float32]:
    """Return float32 log-probabilities in nats, on the CPU. Raises NotANumberError where there is NaN."""
    logprobs = F.log_softmax(logits, dim=-1, dtype=torch.float32)
    if torch.isnan(logprobs).any():
        raise NotANumberError
    array: NDArray[np.float32] = logprobs.cpu().numpy()
    return array
