"""How unsure a model is of the next token, from its logits on their device: no more than is needed is copied."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.routing.rules import SignalName
from benchtui.routing.signals import SIGNALS, of_likeliest, wanted
from benchtui.worker.answering.stepped import too_few_outputs

_BLOCK = 32


class SignalOfLogits:
    """Computes one signal over the ids that are tokens: `known` (bool [ids])."""

    def __init__(self, name: SignalName, known: NDArray[np.bool_]) -> None:
        self._name = name
        self._count = int(np.flatnonzero(known)[-1]) + 1 if known.any() else 0
        self._holes = np.flatnonzero(~known[: self._count])

    def __call__(self, logits: torch.Tensor) -> NDArray[np.float32]:
        """Return the signal before each row of logits [n, rows of the output matrix], float32 [n]; NaN where a row has
        NaN. Raises BenchtuiError where there are fewer outputs than tokens."""
        if logits.shape[1] < self._count:
            raise too_few_outputs("The model", logits.shape[1], self._count)
        rows = logits[:, : self._count].float()
        if len(self._holes):
            rows = rows.index_fill(1, torch.from_numpy(self._holes).to(rows.device), torch.finfo(rows.dtype).min)
        if self._name == "entropy":
            return _array(_entropy(rows))
        top = _greatest(rows, wanted(self._name))
        if SIGNALS[self._name].needs == "raw logits":
            return of_likeliest(self._name, _array(top), np.zeros(len(top), np.float32))
        return of_likeliest(self._name, _array(top - rows.logsumexp(-1, keepdim=True)))


def _entropy(logits: torch.Tensor) -> torch.Tensor:
    """ln Σ exp(z) - Σ exp(z) z / Σ exp(z), z below the greatest logit: float32 [n]."""
    below = logits - logits.amax(-1, keepdim=True)
    weights = below.exp()
    total = weights.sum(-1)
    return total.log() - weights.mul_(below.clamp_(min=torch.finfo(below.dtype).min)).sum(-1) / total


def _greatest(logits: torch.Tensor, k: int) -> torch.Tensor:
    """The k greatest of each row, in order, -inf where there are fewer.

    They are in the k blocks of columns with the greatest maxima: finding those reads the logits once. A block is every
    n-th column.
    """
    rows, size = logits.shape
    if size >= _BLOCK * _BLOCK * k:
        count = size // _BLOCK
        blocks = logits[:, : count * _BLOCK].reshape(rows, _BLOCK, count)
        best = blocks.amax(1).topk(k, -1).indices
        found = blocks.gather(2, best[:, None, :].expand(rows, _BLOCK, k)).flatten(1)
        logits = torch.cat([found, logits[:, count * _BLOCK :]], -1)
    top = logits.topk(min(k, logits.shape[1]), -1).values
    return torch.nn.functional.pad(top, (0, k - top.shape[1]), value=-torch.inf)


def _array(values: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.cpu().numpy()
    return array
