"""The scores of one task at every threshold, by lm-eval's own code, and what follows from them: the record of the task.

At each threshold the task is given what a run at that threshold would give it; what it was given before is not scored
again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.task import Task

from benchtui.routing.answers import Work
from benchtui.routing.rules import Threshold
from benchtui.routing.sweeps.records import Amounts, Answers, SweptMetric, SweptTask
from benchtui.worker.benchmark.answers.repeats import ScoredDocument
from benchtui.worker.benchmark.answers.scoring import TaskScorer
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.sweep.answers import ScoredRequest, SweptRequest

MetricKey = tuple[str, str]
_BITS = "bits_per_byte"
_SEED, _MOST_DRAWS, _DRAWN = 1234, 5, 400
"""Of tokens drawn at random: how often at most, and how many documents in all are enough."""


class Points:
    """A task and what was found of its documents: those of which every request has an answer."""

    def __init__(
        self, loaded: LoadedTask, instances: Sequence[Instance], requests: Mapping[tuple[int, int], SweptRequest]
    ) -> None:
        self._loaded = loaded
        self._requests = requests
        complete = defaultdict(list)
        for instance in instances:
            complete[instance.doc_id].append((instance.doc_id, instance.idx) in requests)
        self._instances = [instance for instance in instances if all(complete[instance.doc_id])]
        self.documents = tuple(sorted({int(instance.doc_id) for instance in self._instances}))
        self._scorer = _OnceScorer(loaded.task, self._instances, loaded.docs())

    @property
    def hashes(self) -> tuple[str, ...]:
        """What each document is."""
        return tuple(self._scorer.doc_hash(doc_id) for doc_id in self.documents)

    def signals(self) -> list[np.ndarray[Any, Any]]:
        """How unsure the small model is at the tokens of each document."""
        return [
            np.concatenate([self._requests[doc_id, i.idx].signals for i in self._scorer.by_document[doc_id]])
            for doc_id in self.documents
        ]

    def record(self, thresholds: tuple[Threshold, ...]) -> tuple[SweptTask, list[str]]:
        """Return the record of the task, and notes on what is not in it."""
        values = [math.inf, *(each.value for each in thresholds), -math.inf]
        scores: dict[MetricKey, list[list[Any]]] = defaultdict(list)
        works: list[list[tuple[Work, Work]]] = []
        for place, value in enumerate(values):
            works.append(self._give(place, value))
            for key, items in self._scorer.final().raw_metrics.items():
                scores[key].append(items)
        notes: list[str] = []
        metrics = tuple(_metrics(self._loaded, scores, self._drawn(works), notes))
        small, large = (
            [_amounts([work[side] for work in row], texts=self._answers == "texts") for row in works] for side in (0, 1)
        )
        record = SweptTask(
            task=self._loaded.name,
            answers=self._answers,
            doc_ids=self.documents,
            doc_hashes=self.hashes,
            thresholds=thresholds,
            asked=tuple(range(len(thresholds))),
            small_alone=small[0],
            large_alone=large[-1],
            large=tuple(large[1:-1]),
            metrics=metrics,
            small=tuple(small[1:-1]),
            likelihoods="" if self._answers == "texts" else "by token mixture",
        )
        return record, notes

    def _drawn(self, works: Sequence[Sequence[tuple[Work, Work]]]) -> dict[MetricKey, list[tuple[float, ...]]]:
        """The mean score of each document at each threshold where tokens are drawn at random for the large model, as
        many as it scores there: of log-likelihoods, since texts would have to be written for it."""
        if any(not isinstance(request, ScoredRequest) for request in self._requests.values()):
            return {}
        scorer = TaskScorer(self._loaded.task, self._instances, self._loaded.docs())
        rng, repeats = np.random.default_rng(_SEED), max(1, min(_MOST_DRAWS, _DRAWN // len(self.documents)))
        found: dict[MetricKey, list[tuple[float, ...]]] = defaultdict(list)
        for row in works[1:-1]:
            share = sum(large.chosen for _, large in row) / sum(large.chosen for _, large in works[-1])
            draws: dict[MetricKey, list[tuple[float, ...]]] = defaultdict(list)
            for _ in range(repeats):
                for instance in self._instances:
                    request = self._requests[instance.doc_id, instance.idx]
                    assert isinstance(request, ScoredRequest)  # noqa: S101 - looked at above
                    instance.resps = [request.drawn(rng, share)]
                for key, items in scorer.final().raw_metrics.items():
                    if (weighted := _weighted(key[0], items)) is not None:
                        draws[key].append(weighted[0])
            for key, several in draws.items():
                if len(several) == repeats:
                    found[key].append(tuple(np.mean(several, axis=0).tolist()))
        return {key: rows for key, rows in found.items() if len(rows) == len(works) - 2}

    @property
    def _answers(self) -> Answers:
        types = {instance.request_type for instance in self._instances}
        if "generate_until" in types:
            return "texts"
        return "rolling" if types == {"loglikelihood_rolling"} else "choices"

    def _give(self, place: int, threshold: float) -> list[tuple[Work, Work]]:
        """Give every instance its answer at a threshold; returns the work for each document, in their order."""
        works = {doc_id: (Work(), Work()) for doc_id in self.documents}
        for instance in self._instances:
            given = self._requests[instance.doc_id, instance.idx].at(place, threshold)
            instance.resps = [given.answer]
            small, large = works[instance.doc_id]
            works[instance.doc_id] = (small.plus(given.small), large.plus(given.large))
        return list(works.values())


class _OnceScorer(TaskScorer):
    """Scores a document once for each answer that it is given."""

    def __init__(self, task: Task, instances: Sequence[Instance], docs: dict[int, Any]) -> None:
        super().__init__(task, instances, docs)
        self._before: dict[tuple[int, str], ScoredDocument] = {}

    def _process(self, doc_id: int, answers: list[list[Instance]]) -> ScoredDocument:
        key = (doc_id, repr([(i.resps, i.filtered_resps) for instances in answers for i in instances]))
        if key not in self._before:
            self._before[key] = super()._process(doc_id, answers)
        return self._before[key]


def _amounts(works: Sequence[Work], *, texts: bool) -> Amounts:
    """The work for each document. Log-likelihoods are computed many at once: calls one after another say nothing."""
    found: Amounts = {"calls": tuple(float(work.calls) for work in works)} if texts else {}
    found["tokens"] = tuple(float(work.chosen) for work in works)
    found["positions"] = tuple(float(work.positions) for work in works)
    found["flops"] = tuple(work.flops for work in works)
    return found


def _metrics(
    loaded: LoadedTask,
    scores: Mapping[MetricKey, list[list[Any]]],
    random: Mapping[MetricKey, list[tuple[float, ...]]],
    notes: list[str],
) -> Iterator[SweptMetric]:
    """Yield every metric that is a weighted mean of its documents' scores, with those of tokens drawn at random."""
    better, aggregation = loaded.task.higher_is_better(), loaded.task.aggregation()
    for (metric, name), rows in scores.items():
        weighted = [_weighted(metric, items) for items in rows]
        aggregate = aggregation.get(metric, mean)
        if not all(_is_mean(*found, aggregate(items)) for found, items in zip(weighted, rows, strict=True) if found):
            weighted = [None]
        found = [each for each in weighted if each is not None]
        weights = {each[1] for each in found}
        if len(found) < len(rows) or len(weights) > 1:
            notes.append(f"{loaded.name}: {metric} is no mean over its documents, and is left out.")
            continue
        values = [each[0] for each in found]
        each = weights.pop()
        yield SweptMetric(
            metric=metric,
            filter=name,
            higher_is_better=bool(better.get(metric, True)),
            small=values[0],
            large=values[-1],
            scores=tuple(values[1:-1]),
            weights=() if len(set(each)) == 1 else each,
            bounded=metric != _BITS and all(0 <= value <= 1 for row in values for value in row),
            random=tuple(random.get((metric, name), ())),
        )


Weighted = tuple[tuple[float, ...], tuple[float, ...]]


def _weighted(metric: str, items: Sequence[Any]) -> Weighted | None:
    """Scores of documents and their weights, from what lm-eval aggregates; None where they are not to be had."""
    pairs = [_pair(metric, item) for item in items]
    kept = [pair for pair in pairs if pair is not None and math.isfinite(pair[0])]
    if len(kept) < len(pairs) or not sum(weight for _, weight in kept):
        return None
    return tuple(value for value, _ in kept), tuple(weight for _, weight in kept)


def _pair(metric: str, item: Any) -> tuple[float, float] | None:
    if isinstance(item, bool | int | float | np.number | np.bool_):
        return float(item), 1.0
    if isinstance(item, list) and item and all(isinstance(each, bool | int | float) for each in item):
        return sum(item) / len(item), float(len(item))  # IFEval's instructions
    if metric == _BITS and isinstance(item, tuple) and len(item) == 2 and item[1]:
        return -item[0] / item[1] / math.log(2), float(item[1])
    return None


def _is_mean(scores: Sequence[float], weights: Sequence[float], whole: Any) -> bool:
    """Whether lm-eval's own score is the weighted mean of these."""
    if not isinstance(whole, int | float | np.number):
        return False
    found = float(np.average(scores, weights=weights))
    return math.isclose(found, float(whole), rel_tol=1e-9, abs_tol=1e-12)
