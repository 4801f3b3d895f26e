"""What a text is coloured by: a number a token, and how far it is on a scale from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchtui.errors import UsageError

if TYPE_CHECKING:
    from benchtui.tokens.store import DistributionStore

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TokenMetric:
    """A number of every token. `of_pair` says that it compares two models, else it is the second one's alone. `scale`
    maps numbers to 0 … 1, `scale_words` says how; `in_nats` that it may be shown in bits."""

    name: str
    title: str
    of_pair: bool
    column: str
    scale: Callable[[Floats], Floats]
    scale_words: str
    in_nats: bool = True
    sign: int = 1


def _share_of_ln2(js: Floats) -> Floats:
    return np.sqrt(np.clip(js, 0, None) / math.log(2))


def _saturating(kl: Floats) -> Floats:
    return np.sqrt(-np.expm1(-np.clip(kl, 0, None)))


def _improbability(surprisal: Floats) -> Floats:
    return -np.expm1(-np.clip(surprisal, 0, None))


METRICS = {
    metric.name: metric
    for metric in (
        TokenMetric("js", "JS", True, "js", _share_of_ln2, "the square root of JS by ln 2"),
        TokenMetric("kl", "KL(first‖second)", True, "kl", _saturating, "the square root of 1 - exp(-KL)"),
        TokenMetric("entropy", "entropy", False, "entropy", lambda h: h / 5, "entropy by 5 nats"),
        TokenMetric(
            "logprob", "-ln p of the text", False, "logprob", _improbability, "1 - p of the text's token", sign=-1
        ),
        TokenMetric(
            "rank", "rank", False, "rank", lambda rank: np.log2(rank) / 8, "log2 of the rank by 8", in_nats=False
        ),
    )
}


def find_metric(name: str, *, pairs: bool) -> TokenMetric:
    """Return the metric of a name. Raises UsageError where it needs two models and there is no pair."""
    metric = METRICS[name]
    if metric.of_pair and not pairs:
        raise UsageError(
            f"--metric {name} compares two models, and this run compares none token by token.",
            "Use entropy, logprob or rank.",
        )
    return metric


def values_of(store: DistributionStore, metric: TokenMetric, first: int, second: int, document: int) -> Floats:
    """Return the metric of the scored tokens of a document, in nats."""
    source: Any = store.pair(first, second, document) if metric.of_pair else store.scores(second, document)
    return metric.sign * np.asarray(getattr(source, metric.column), np.float64)


STEPS = 8


def steps_of(metric: TokenMetric, values: Floats) -> NDArray[np.int64]:
    """Return how far each value is on the metric's scale, 0 to STEPS - 1; infinite is the last, no number the first."""
    scaled = np.nan_to_num(metric.scale(values), nan=0.0, posinf=1.0)
    return np.clip((scaled * STEPS).astype(np.int64), 0, STEPS - 1)
