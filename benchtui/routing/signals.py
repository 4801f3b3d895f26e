"""How unsure a model is: of the next token, or of its answer to a document. Greater is less sure, for all of them.

A signal of a token is computed from the distribution behind the text before it, and from nothing else: the token that
follows is not known to it. So a text that two models score by turns has a probability, and those of all texts sum to 1.
A signal that looked at the token which is scored would make them sum to something else.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.routing.rules import DeferScore, SignalName
from benchtui.tokens.divergences import entropy
from benchtui.tokens.records import TOP, TokenScores
from benchtui.tokens.summarise import margin, uncertainty

Floats = NDArray[np.floating[Any]]
Signals = NDArray[np.float32]

Needs = Literal["likeliest tokens", "whole distribution", "raw logits"]
"""What a source of distributions must give: the probabilities of the ten likeliest tokens; of all; logits as the model
computes them, before anything is taken away from all of them."""


class Signal(msgspec.Struct, frozen=True):
    """One signal: what it `needs`, in words what it `is`, the greatest value that it can have (None: depends on the
    vocabulary), and a `warning` to be shown where it is used."""

    name: SignalName
    needs: Needs
    is_: str
    greatest: float | None
    warning: str = ""


_BLOCK = 32
_LOGTOKU_WARNING = (
    "It depends on the level of the logits, which differs between models and says nothing about a distribution: all "
    "values of AU may lie between 2.2 and 2.3. Take a threshold like p70, not a number. It is not known where one of "
    "the logits is not above 0."
)
SIGNALS: dict[SignalName, Signal] = {
    each.name: each
    for each in (
        Signal("uncertainty", "likeliest tokens", "entropy of the ten likeliest tokens, renormalised, by ln 10", 1.0),
        Signal("entropy", "whole distribution", "entropy of the distribution, in nats", None),
        Signal("margin", "likeliest tokens", "1 - (p1 - p2), of the two likeliest tokens", 1.0),
        Signal("least-confidence", "likeliest tokens", "1 - p1, of the likeliest token", 1.0),
        Signal("logtoku", "raw logits", "aleatoric uncertainty of LogTokU (AU)", None, _LOGTOKU_WARNING),
        Signal("logtoku-eu", "raw logits", "epistemic uncertainty of LogTokU (EU)", 1.0, _LOGTOKU_WARNING),
    )
}


def of_distributions(name: SignalName, logprobs: Floats, logsumexp: Floats | None = None, k: int = TOP) -> Signals:
    """Compute a signal from log-probabilities [n, vocabulary], in nats: float32 [n].

    `logsumexp` [n] is that of the raw logits (logit = log-probability + logsumexp), None where it is not known. Raises
    ValueError where a signal needs it, where the vocabulary has fewer than `k` tokens, and for rows with NaN.
    """
    if name == "entropy":
        return entropy(logprobs).astype(np.float32)
    if np.isnan(logprobs).any():
        raise ValueError("a distribution has entries that are not numbers")
    return of_likeliest(name, likeliest(logprobs, wanted(name, k)), logsumexp, k)


def of_logits(name: SignalName, logits: NDArray[np.float32], k: int = TOP) -> Signals:
    """Compute a signal from raw logits float32 [n, vocabulary], in their own precision: float32 [n]; NaN rows give NaN.
    As many rows as memory holds twice."""
    if name == "entropy":
        return _entropy_of_logits(logits)
    top = likeliest(logits, wanted(name, k))
    if SIGNALS[name].needs == "raw logits":
        return of_likeliest(name, top, np.zeros(len(top), np.float32), k)
    return of_likeliest(name, top - _logsumexp(logits)[:, None], None, k)


def wanted(name: SignalName, k: int = TOP) -> int:
    """Return how many of the likeliest tokens `of_likeliest` takes for a signal other than the entropy."""
    return k if SIGNALS[name].needs == "raw logits" else TOP


def of_scores(name: SignalName, scores: TokenScores, k: int = TOP) -> Signals:
    """Compute a signal of the scored tokens of one document, float32 [n]; NaN where too little is known of a token.
    Raises ValueError for a `k` greater than the number of tokens that are kept, and without raw logits where a signal
    needs them."""
    if name == "entropy":
        return scores.entropy
    known = scores.top_ids >= 0
    top = np.where(known, scores.top_logprobs, -np.inf).astype(np.float32)
    found = of_likeliest(name, top, scores.logsumexp, k)
    return np.where(known[:, : _read(name, k)].all(-1), found, np.nan).astype(np.float32)


def of_likeliest(name: SignalName, top: NDArray[np.float32], logsumexp: Floats | None = None, k: int = TOP) -> Signals:
    """Compute a signal from log-probabilities of the likeliest tokens, float32 [n, `wanted`], in order: float32 [n].
    Raises ValueError as `of_distributions` does; the entropy cannot be had."""
    if name == "uncertainty":
        return uncertainty(top[:, :TOP])
    if name == "margin":
        return 1 - margin(top)
    if name == "least-confidence":
        return np.asarray(-np.expm1(top[:, 0]), np.float32)
    if logsumexp is None or np.isnan(logsumexp).any():
        raise ValueError(f"{name} needs raw logits, and this source gives log-probabilities only")
    if k > top.shape[-1] or np.isneginf(top[:, :k]).any():
        raise ValueError(f"{name} reads the {k} greatest logits, and fewer are known")
    logits = top[:, :k].astype(np.float64) + np.asarray(logsumexp, np.float64)[:, None]
    return aleatoric(logits) if name == "logtoku" else epistemic(logits)


def likeliest(logprobs: Floats, k: int = TOP) -> NDArray[np.float32]:
    """Return the greatest log-probabilities of each row, float32 [n, k], in order; -inf where there are fewer."""
    rows, size = logprobs.shape
    if size >= _BLOCK * _BLOCK * k:
        logprobs = _of_greatest_blocks(logprobs, k)
        size = logprobs.shape[1]
    cut = min(k, size)
    found = -np.sort(-np.partition(logprobs, size - cut, axis=-1)[:, size - cut :], axis=-1)
    return np.concatenate([found, np.full((rows, k - cut), -np.inf)], axis=-1).astype(np.float32)


def _of_greatest_blocks(logprobs: Floats, k: int) -> Floats:
    """Those columns that may be among the k greatest of each row: the k greatest are in the k blocks of columns with
    the greatest maxima. A block is every n-th column, so that the maxima are taken of whole vectors."""
    rows, size = logprobs.shape
    count = size // _BLOCK
    blocks = logprobs[:, : count * _BLOCK].reshape(rows, _BLOCK, count)
    greatest = np.argpartition(blocks.max(1), count - k, axis=-1)[:, count - k :]
    found = np.take_along_axis(blocks, greatest[:, None, :], axis=-1).reshape(rows, _BLOCK * k)
    return np.concatenate([found, logprobs[:, count * _BLOCK :]], axis=-1)


def _logsumexp(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    greatest: NDArray[np.float32] = logits.max(-1)
    total = np.exp(logits - greatest[:, None]).sum(-1, dtype=np.float64)
    found: NDArray[np.float32] = (greatest + np.log(total)).astype(np.float32)
    return found


def _entropy_of_logits(logits: NDArray[np.float32]) -> Signals:
    """ln Σ exp(z) - Σ exp(z) z / Σ exp(z), z below the greatest logit; summed in float64, since rows that are not
    contiguous are added one by one."""
    below = logits - logits.max(-1, keepdims=True)
    weights = np.exp(below)
    total = weights.sum(-1, dtype=np.float64)
    np.multiply(weights, below, out=below, where=weights > 0)
    mean: NDArray[np.float64] = np.where(weights > 0, below, 0).sum(-1, dtype=np.float64) / total
    found: Signals = (np.log(total) - mean).astype(np.float32)
    return found


def aleatoric(logits: Floats) -> Signals:
    """Compute LogTokU's aleatoric uncertainty AU from the k greatest raw logits [n, k]: float32 [n], 0 to ln k; NaN
    where one of them is not above 0.

    With evidence a_i (the logits) and their sum S: -Σ (a_i / S) (ψ(a_i + 1) - ψ(S + 1)); H. Ma et al., "Estimating
    LLM Uncertainty with Logits", arXiv 2502.00290.
    """
    from scipy.special import digamma

    evidence = _evidence(logits)
    total = evidence.sum(-1, keepdims=True)
    found: NDArray[np.float64] = -(evidence / total * (digamma(evidence + 1) - digamma(total + 1))).sum(-1)
    return found.astype(np.float32)


def epistemic(logits: Floats) -> Signals:
    """Compute LogTokU's epistemic uncertainty EU = k / (S + k) from the k greatest raw logits [n, k], S their sum:
    float32 [n], 0 to 1; NaN where one of them is not above 0 (arXiv 2502.00290)."""
    evidence = _evidence(logits)
    k = evidence.shape[-1]
    found: NDArray[np.float64] = k / (evidence.sum(-1) + k)
    return found.astype(np.float32)


def of_choices(score: DeferScore, scores: ArrayLike) -> float:
    """Compute how unsure a model is of its choice among several, from the scores [choices] that the metric compares, in
    nats (summed, or by length): 0 to 1.

    "margin" is exp(second best - best), the likelihood of the second choice by that of the best; "confidence" is
    1 - the softmax of the best. Raises ValueError for other scores, and where no choice has a probability.
    """
    found = np.sort(np.asarray(scores, np.float64))[::-1]
    if not len(found) or not np.isfinite(found[0]):
        raise ValueError("a document has no choice with a probability")
    below = np.exp(found[1:] - found[0])
    if score == "margin":
        return float(below[0]) if len(below) else 0.0
    if score == "confidence":
        return float(below.sum() / (1 + below.sum()))
    raise ValueError(f"{score} is of the tokens of a text, not of choices")


def of_text(score: DeferScore, logprobs: ArrayLike, quantile: float = 0.1) -> float:
    """Compute how unsure a model is of a text that it wrote, from the log-probabilities (n,) of its tokens: nats, from
    0.

    "mean-logprob" is minus their mean, "low-logprob" minus their `quantile`: a mean is less sure of short texts, a low
    quantile finds the worst places (N. Gupta et al., "Language Model Cascades: Token-level uncertainty and beyond",
    arXiv 2404.10136). Raises ValueError for other scores, and for a text without tokens.
    """
    found = np.asarray(logprobs, np.float64)
    if not len(found):
        raise ValueError("a text without tokens has no score")
    if score == "mean-logprob":
        return float(-found.mean())
    if score == "low-logprob":
        return float(-np.quantile(found, quantile, method="lower"))
    raise ValueError(f"{score} is of choices, not of the tokens of a text")


def known(signal: ArrayLike) -> NDArray[np.float64]:
    """Return a signal as float64 (n,). Raises ValueError saying how many values are not known (NaN, or infinite)."""
    found = np.asarray(signal, np.float64)
    if unknown := int((~np.isfinite(found)).sum()):
        raise ValueError(f"the signal is not known at {unknown:,} of {len(found):,} places, so nothing can be routed")
    return found


def _read(name: SignalName, k: int) -> int:
    """How many of the likeliest tokens a signal reads."""
    return {"uncertainty": TOP, "margin": 2, "least-confidence": 1}.get(name, k)


def _evidence(logits: Floats) -> NDArray[np.float64]:
    """Logits as evidence: NaN rows where one of them is not above 0."""
    evidence = np.asarray(logits, np.float64)
    found: NDArray[np.float64] = np.where((evidence > 0).all(-1, keepdims=True), evidence, np.nan)
    return found
