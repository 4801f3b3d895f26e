"""Choosing a task's primary metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from benchtui.errors import BenchtuiError

# The first of these that a task reports; IFEval's strict prompt accuracy, then exact match (GSM8K), then how likely a
# reference is (people's own data, whose acc asks for all of it word by word), then the length-normalised accuracy where
# there is one (HellaSwag, ARC), then plain accuracy.
PREFERRED = (
    "prompt_level_strict_acc",
    "inst_level_strict_acc",
    "exact_match",
    "accuracy",
    "nats_per_byte",
    "acc_norm",
    "acc",
)


class _Named(Protocol):
    @property
    def metric(self) -> str: ...


NamedT = TypeVar("NamedT", bound=_Named)


class MetricName(NamedTuple):
    """A metric over what one filter made of the answers, as lm-eval's "metric,filter"."""

    metric: str
    filter: str


def preferred(scores: Sequence[NamedT]) -> NamedT | None:
    """Return the first of `PREFERRED` that a task reports, with lm-eval's first filter; None when it reports none of
    them."""
    return next((score for metric in PREFERRED for score in scores if score.metric == metric), None)


def primary(scores: Sequence[NamedT]) -> NamedT:
    """Return the main score of a task: its preferred metric, else the first it reports.

    Raises BenchtuiError when there is no score at all.
    """
    if not scores:
        raise BenchtuiError("A task without any score was found.", "Run the benchmark again.")
    return preferred(scores) or scores[0]


def ordered(scores: Sequence[NamedT]) -> list[NamedT]:
    """Return the scores with the primary one first, the others in lm-eval's order."""
    if not scores:
        return []
    first = primary(scores)
    return [first, *(score for score in scores if score is not first)]
