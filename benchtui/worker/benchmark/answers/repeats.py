"""What is made of several answers to one document: mean@k, pass@k and the majority's score.

Each answer goes through the task's own filters and scoring by itself, as if it were the only one. The mean over a
document's answers is its score; documents, not answers, are what a standard error counts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchtui.evidence.shares import pass_at
from benchtui.evidence.variance import sampled_mean
from benchtui.results.repeats import Spread, majority_name, pass_name, pass_sizes
from benchtui.tasks.primary_metric import MetricName

Values = list[Any]
"""A metric's values for the answers to one document."""


@dataclass
class ScoredAnswer:
    """What lm-eval's `process_results` made of one answer to a document: metrics for each filter, and what they were
    made from."""

    filtered: dict[str, list[Any]]
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoredDocument:
    """The scored answers to one document, and its metrics for each filter: of a single answer those that lm-eval's
    `process_results` gave, of several what `combined` makes of them."""

    answers: list[ScoredAnswer]
    metrics: dict[str, dict[str, Any]]


def values_of(answers: Sequence[ScoredAnswer], metric: MetricName) -> Values | None:
    """Return the metric's value for each answer; None where one of them has none."""
    found = [answer.metrics.get(metric.filter, {}) for answer in answers]
    return [values[metric.metric] for values in found] if all(metric.metric in values for values in found) else None


def combined(answers: Sequence[ScoredAnswer], means: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return a document's metrics for each filter: the mean over its answers of what is averaged over documents
    (`means`), and of everything else the tuple of its values."""
    first = answers[0].metrics
    if len(answers) == 1:
        return first
    found: dict[str, dict[str, Any]] = {}
    for name, metrics in first.items():
        of_metric = {metric: values_of(answers, MetricName(metric, name)) for metric in metrics}
        found[name] = {
            metric: float(np.mean(values)) if metric in means and all(map(is_number, values)) else tuple(values)
            for metric, values in of_metric.items()
            if values is not None
        }
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.number | np.bool_)


def with_chances(
    scored: Mapping[int, ScoredDocument], higher_is_better: Mapping[str, bool]
) -> dict[int, dict[str, dict[str, Any]]]:
    """Return the metrics of each document for each filter, and where all of a metric's values are 0 (wrong) or 1
    (right) also pass@k; and the score of what most answers say, where any two say the same."""
    whole = {doc: {name: dict(metrics) for name, metrics in one.metrics.items()} for doc, one in scored.items()}
    for (metric, name), documents in _by_metric(scored).items():
        if not (higher_is_better.get(metric, True) and _is_right_or_wrong(documents.values())):
            continue
        votes = {doc: majority(scored[doc].answers, name) for doc in documents}
        agreed = all(votes.values()) and any(vote[1] > 1 for vote in votes.values() if vote)
        for doc, values in documents.items():
            whole[doc][name] |= passes(metric, values)
            if agreed and (vote := votes[doc]):
                whole[doc][name][majority_name(metric, len(values))] = float(values[vote[0]])
    return whole


def spreads_of(scored: Mapping[int, ScoredDocument]) -> dict[str, Spread]:
    """Split the variance of each metric ("metric,filter") that has a number for each answer."""
    found = {metric: spread(list(documents.values())) for metric, documents in _by_metric(scored).items()}
    return {f"{metric.metric},{metric.filter}": one for metric, one in found.items() if one is not None}


def _by_metric(scored: Mapping[int, ScoredDocument]) -> dict[MetricName, dict[int, Values]]:
    """Return each metric's values for the answers to each document that has them."""
    found: dict[MetricName, dict[int, Values]] = defaultdict(dict)
    for doc, one in scored.items():
        for metric in (MetricName(metric, name) for name, metrics in one.metrics.items() for metric in metrics):
            if (values := values_of(one.answers, metric)) is not None:
                found[metric][doc] = values
    return found


def _is_right_or_wrong(documents: Iterable[Values]) -> bool:
    return all(is_number(value) and value in (0, 1) for values in documents for value in values)


def passes(metric: str, values: Values) -> dict[str, float]:
    """Return pass@k for each k: the chance that one of k answers is right, of which as many as `values` were drawn."""
    right, drawn = int(sum(values)), len(values)
    return {pass_name(metric, k): pass_at(drawn, right, k) for k in pass_sizes(drawn)}


def majority(answers: Sequence[ScoredAnswer], name: str) -> tuple[int, int] | None:
    """Return which answer is the first of those that agree most (lm-eval's filter `majority_vote`), and how many do;
    None where what the filter `name` found in them cannot be compared."""
    found = [answer.filtered[name] for answer in answers]
    try:
        votes = Counter(found[place][0] for place in range(len(found)) if len(found[place]) == 1)
    except TypeError:
        return None
    if votes.total() < len(found):
        return None
    text, agreeing = votes.most_common(1)[0]
    return next(place for place, one in enumerate(found) if one[0] == text), agreeing


def spread(documents: Sequence[Values]) -> Spread | None:
    """Split the variance of a metric's values into that between documents and that within them; None where they are no
    numbers, or fewer than two documents have any."""
    if len(documents) < 2 or not all(is_number(value) for values in documents for value in values):
        return None
    scores = np.array(documents, dtype=np.float64)
    if not np.isfinite(scores).all():
        return None
    found = sampled_mean(scores)
    return Spread(found.answers, found.documents, found.between, found.within, found.stderr)


def flat(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document's metrics as a sample file holds them: of what is aggregated over all answers the mean of its
    numbers (of several, such as the summands of BLEU, of each), from which most such scores come out the same; where
    they are no numbers, all of them."""
    return {name: _one(value) if isinstance(value, tuple) else value for name, value in metrics.items()}


def _one(values: tuple[Any, ...]) -> Any:
    if all(map(is_number, values)):
        return float(np.mean(values))
    several = all(isinstance(value, list | tuple) and all(map(is_number, value)) for value in values)
    if several and len({len(value) for value in values}) == 1:
        return np.mean(np.array(values, dtype=np.float64), axis=0).tolist()
    return list(values)


def numbers(values: Mapping[str, Values | None]) -> dict[str, list[float | None]]:
    """Return the values that are numbers, metric by metric, as a sample file holds them."""
    return {
        metric: [float(value) if math.isfinite(value) else None for value in found]
        for metric, found in values.items()
        if found is not None and all(map(is_number, found))
    }
