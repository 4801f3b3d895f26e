"""Numbers of next-token distributions, from logits: of one model, and of two at the same places.

All in float32 and nats, at temperature 1. A call takes as many rows as `rows_at_once` says, so that the vocabulary is
never in memory for all positions of a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody uses
from numpy.typing import NDArray

from benchtui.out_of_memory import is_out_of_memory
from benchtui.tokens.records import TOP, PairScores, TokenScores
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.protocol import OutOfMemoryError

_CHUNK_BYTES = {"cpu": 32 << 20, "cuda": 512 << 20, "mps": 128 << 20}
_NEGATIVE = -1e-6
"""What rounding can make of a divergence that is 0."""

T = TypeVar("T")


@dataclass(frozen=True)
class KnownTokens:
    """The ids that a tokenizer knows: those below `count`, without `holes`."""

    count: int
    holes: tuple[int, ...] = ()

    @classmethod
    def of(cls, vocabulary: StoredVocabulary) -> KnownTokens:
        """The ids that have bytes."""
        known = np.diff(vocabulary.ends, prepend=0) > 0
        count = int(np.flatnonzero(known)[-1]) + 1 if known.any() else 0
        return cls(count, tuple(np.flatnonzero(~known[:count]).tolist()))


@dataclass(frozen=True)
class Distributions:
    """Log-probabilities over the known ids, float32 [n, count]; the logarithm of the sum of the exponentials of their
    logits; and the probability that the model gave to other ids, both float32 [n]. On the device of the logits."""

    logprobs: torch.Tensor
    logsumexp: torch.Tensor
    removed: torch.Tensor


def rows_at_once(device: str, vocabulary: int) -> int:
    """Return how many rows of logits one chunk holds."""
    return max(1, _CHUNK_BYTES.get(device, _CHUNK_BYTES["cpu"]) // (4 * max(1, vocabulary)))


def in_chunks(total: int, rows: int, compute: Callable[[slice], T]) -> Iterator[T]:
    """Yield what `compute` makes of consecutive slices of `rows` rows; fewer where memory runs out.

    Raises OutOfMemoryError where not even one row fits.
    """
    done = 0
    while done < total:
        found, failed = None, False
        piece = slice(done, min(done + rows, total))
        try:
            found = compute(piece)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            failed = True
        if failed or found is None:  # outside the handler: an error keeps every tensor of its frames alive
            if rows == 1:
                raise OutOfMemoryError(
                    "The distribution of a single token does not fit into memory beside the model.",
                    "Close other programs, or use a larger machine.",
                )
            rows = max(1, rows // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        yield found
        done = piece.stop


@torch.inference_mode()
def distributions(logits: torch.Tensor, known: KnownTokens) -> Distributions:
    """Compute the distributions over the known ids from logits [n, rows of the output matrix]."""
    inside = logits[:, : known.count].float()
    if inside.shape[1] < known.count:  # an id that the model has no row for
        inside = F.pad(inside, (0, known.count - inside.shape[1]), value=-math.inf)
    outside = [logits[:, known.count :].float()]
    if known.holes:
        holes = torch.tensor(known.holes, device=logits.device)
        outside.append(inside[:, holes])
        inside = inside.index_fill(1, holes, -math.inf)
    logsumexp = torch.logsumexp(inside, -1)
    removed = torch.zeros_like(logsumexp)
    if sum(part.shape[1] for part in outside):
        rest = torch.logsumexp(torch.cat(outside, -1), -1)
        removed = torch.exp(rest - torch.logaddexp(rest, logsumexp))
    return Distributions(F.log_softmax(inside, -1), logsumexp, removed)


@torch.inference_mode()
def token_scores(found: Distributions, ids: NDArray[np.int32]) -> TokenScores:
    """Compute the numbers of the tokens `ids` [n], one a row."""
    logprobs = found.logprobs
    given = logprobs.gather(1, torch.from_numpy(ids.astype(np.int64)).to(logprobs.device)[:, None])
    top_logprobs, top_ids = likeliest(logprobs, TOP)
    return TokenScores(
        _array(given[:, 0]),
        _array(torch.special.entr(logprobs.exp()).sum(-1)),
        _array((logprobs > given).sum(-1) + 1).astype(np.int32),
        top_ids,
        top_logprobs,
        _array(found.logsumexp),
    )


@torch.inference_mode()
def likeliest(logprobs: torch.Tensor, k: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return log-probabilities and ids [n, k] of the likeliest tokens, in order; id -1 where there are fewer."""
    values, ids = logprobs.topk(min(k, logprobs.shape[1]), -1)
    missing = ((0, 0), (0, k - values.shape[1]))
    return (
        np.pad(_array(values), missing, constant_values=-np.inf),
        np.pad(_array(ids).astype(np.int32), missing, constant_values=-1),
    )


@torch.inference_mode()
def pair_scores(first: torch.Tensor, second: torch.Tensor) -> PairScores:
    """Compute how two distributions differ, from log-probabilities [n, count] over the same ids.

    KL is summed as p ln(p/q) - p + q: the same for distributions, and rounding of their sums to 1 cancels out.
    JS is summed as p (ln 2 - softplus(ln q - ln p)) and its mirror, which is 0 where they are equal. A token that is
    impossible in the second and not in the first makes KL infinite. Raises ArithmeticError where a divergence is
    negative by more than rounding.
    """
    p, q = first.exp(), second.exp()
    ratio = first - second  # NaN where both are impossible: no term takes it there
    nothing = torch.zeros((), device=p.device)
    kl = torch.where(p > 0, p * ratio, nothing).sub_(p).add_(q).sum(-1)
    kl_reverse = torch.where(q > 0, q * -ratio, nothing).sub_(q).add_(p).sum(-1)
    same = F.softplus(nothing)  # ln 2, rounded as below
    js = torch.where(p > 0, p * (same - F.softplus(-ratio)), nothing)
    js += torch.where(q > 0, q * (same - F.softplus(ratio)), nothing)
    top = first.gather(1, second.argmax(-1)[:, None])
    return PairScores(
        _divergence(kl, "KL"),
        _divergence(kl_reverse, "KL"),
        _divergence(js.sum(-1) / 2, "JS").clip(max=np.float32(math.log(2))),
        _divergence((p - q).abs_().sum(-1) / 2, "TV").clip(max=np.float32(1)),
        _array((first > top).sum(-1) + 1).astype(np.int32),
    )


def _divergence(values: torch.Tensor, name: str) -> NDArray[np.float32]:
    array: NDArray[np.float32] = _array(values)
    if (array < _NEGATIVE).any() or np.isnan(array).any():
        raise ArithmeticError(f"{name} is {array.min()}: a divergence is never negative")
    return array.clip(min=np.float32(0))


def _array(values: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = values.cpu().numpy()
    return array
