"""Log-probabilities of given tokens at given positions, without holding the whole vocabulary for all positions."""

from __future__ import annotations

import functools
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


@dataclass(frozen=True)
class ScoredTokens:
    """For each (position, token): its log-probability, and whether it is the most likely token. On the CPU."""

    logprobs: torch.Tensor
    greedy: NDArray[np.bool_]


class OutputHead:
    """Computes log-probabilities from hidden states, in chunks of positions and in the dtypes of lm-eval's `hf`."""

    def __init__(self, backbone: Backbone, softmax_dtype: torch.dtype | None) -> None:
        self._backbone = backbone
        self._softmax_dtype = softmax_dtype
        size = int(backbone.config.vocab_size)
        chunk = _CHUNK_BYTES.get(backbone.device.type, _CHUNK_BYTES["cpu"])
        self._positions = max(_FEWEST_POSITIONS, chunk // (4 * size))

    def score(self, hidden: torch.Tensor, positions: NDArray[np.int64], tokens: NDArray[np.int64]) -> ScoredTokens:
        """Score `tokens[i]` at row `positions[i]` of `hidden` [n, width]; a position may occur many times."""
        order = np.argsort(positions, kind="stable")
        distinct, place = np.unique(positions[order], return_inverse=True)
        sought = tokens[order]
        logprobs: list[torch.Tensor] = []
        greedy: list[NDArray[np.bool_]] = []
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
            logprobs.append(scored.logprobs)
            greedy.append(scored.greedy)
            first = last
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        return ScoredTokens(torch.cat(logprobs)[torch.from_numpy(inverse)], np.concatenate(greedy)[inverse])

    def _chunk(
        self, hidden: torch.Tensor, rows: NDArray[np.int64], place: NDArray[np.int64], tokens: NDArray[np.int64]
    ) -> ScoredTokens:
        device = hidden.device
        with torch.inference_mode():
            logits = self._backbone.logits(hidden.index_select(0, torch.from_numpy(rows).to(device)))
            logprobs = F.log_softmax(logits, dim=-1, dtype=self._softmax_dtype)
            del logits
            best = logprobs.argmax(dim=-1).cpu().numpy()
            chosen = logprobs[torch.from_numpy(place).to(device), torch.from_numpy(tokens).to(device)].cpu()
        return ScoredTokens(chosen, best[place] == tokens)

    def next_token_logprobs(self, hidden: torch.Tensor) -> NDArray[np.float32]:
        """Return float32 log-probabilities [k, vocabulary] for the first k rows of `hidden` [n, width].

        k is as many as a chunk holds. Raises NotANumberError where the model computes NaN.
        """
        while True:
            rows = hidden[: self._positions]
            logprobs = unless_out_of_memory(functools.partial(self._all_logprobs, rows), hidden.device)
            if logprobs is not None:
                return logprobs
            self._shrink(hidden.device)

    def _all_logprobs(self, hidden: torch.Tensor) -> NDArray[np.float32]:
        with torch.inference_mode():
            return checked_logprobs(self._backbone.float32_logits(hidden))

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
