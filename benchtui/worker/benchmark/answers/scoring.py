"""Scores one task from its answered requests: the same code for live, final and recovered scores."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.api.task import Task
from lm_eval.utils import handle_non_serializable, hash_string

from benchtui.evidence.pairing import HashedDocument
from benchtui.results.repeats import Spread
from benchtui.runs.live_score import LiveScore
from benchtui.tasks.primary_metric import MetricName, preferred
from benchtui.worker.benchmark.answers.repeats import (
    ScoredAnswer,
    ScoredDocument,
    combined,
    flat,
    numbers,
    spreads_of,
    values_of,
    with_chances,
)

LIVE_COST_FACTOR = 10
LIVE_INTERVAL = 0.9
"""Live scores are recomputed at most every 0.9 s, and never for more than a tenth of the time."""


@dataclass(frozen=True)
class TaskScores:
    """lm-eval's accumulator for a task (its `ResultAcc`), and which documents are in it. `spreads` has how metrics
    ("metric,filter") vary where several answers to each document were drawn."""

    raw_metrics: dict[tuple[str, str], list[Any]]
    logged_samples: list[dict[str, Any]]
    documents: tuple[int, ...]
    spreads: dict[str, Spread] = field(default_factory=dict)


class TaskScorer:
    """Scores documents of `task` as they are answered.

    `instances` are the requests of all documents, built by `task.build_all_requests`; a document is scored when the
    `resps` of each of its instances hold all their repeats. `docs` maps doc_id to the document; `in_hand` is told the
    doc_id before the task's own code is run on a document. With `repeats` above 1 each of a document's answers is
    scored by itself, and its score is their mean.
    """

    def __init__(
        self,
        task: Task,
        instances: Iterable[Instance],
        docs: dict[int, Any],
        in_hand: Callable[[int], None] = lambda _: None,
        *,
        repeats: int = 1,
    ) -> None:
        self.task = task
        self.docs = docs
        self._repeats = repeats
        self._in_hand = in_hand
        self.by_document: dict[int, list[Instance]] = defaultdict(list)
        for instance in instances:
            self.by_document[instance.doc_id].append(instance)
        for group in self.by_document.values():
            group.sort(key=lambda instance: instance.idx)
        self._scored: dict[int, ScoredDocument] = {}
        self._live_cost = 0.0
        self._live_at = 0.0

    def complete(self, doc_id: int) -> bool:
        """Whether every request of the document has all its answers."""
        return all(len(instance.resps) >= (instance.repeats or 1) for instance in self.by_document[doc_id])

    @property
    def scored(self) -> int:
        return len(self._scored)

    def score(self, doc_id: int) -> None:
        """Score one completely answered document now."""
        self._in_hand(doc_id)
        answers = self._views(doc_id)
        for instances in answers:
            for filters in self.task._filters:  # noqa: SLF001 - lm-eval offers no public way to filter part of a task
                filters.apply(instances)
        self._scored[doc_id] = self._process(doc_id, answers)

    def _views(self, doc_id: int) -> list[list[Instance]]:
        """Return a document's requests for each of its answers, as if it were the only one."""
        instances = self.by_document[doc_id]
        if self._repeats == 1:
            return [instances]
        return [
            [dataclasses.replace(i, resps=[i.resps[repeat]], filtered_resps={}) for i in instances]
            for repeat in range(self._repeats)
        ]

    def _process(self, doc_id: int, answers: list[list[Instance]]) -> ScoredDocument:
        self._in_hand(doc_id)
        scored = []
        for instances in answers:
            answer = ScoredAnswer(_filtered(instances))
            for name, found in answer.filtered.items():
                answer.metrics[name] = dict(self.task.process_results(self.docs[doc_id], found))
            scored.append(answer)
        return ScoredDocument(scored, combined(scored, self._means(scored)))

    def _means(self, answers: Sequence[ScoredAnswer]) -> set[str]:
        """Return the metrics that are averaged over documents."""
        aggregation = self.task.aggregation()
        names = {metric for metrics in answers[0].metrics.values() for metric in metrics}
        return {metric for metric in names if aggregation.get(metric, mean) is mean}

    def keep_only(self, documents: frozenset[int]) -> None:
        """Forget the scores of all other documents, whose answers were taken away."""
        self._scored = {doc_id: scored for doc_id, scored in self._scored.items() if doc_id in documents}

    def metrics(self) -> list[MetricName]:
        """Return the metrics that documents are scored on, in lm-eval's order; none before the first is scored."""
        first = next(iter(self._scored.values()), None)
        found = first.metrics.items() if first else ()
        return [MetricName(metric, name) for name, metrics in found for metric in metrics]

    def value(self, doc_id: int, metric: MetricName) -> float | None:
        """Return one document's score; None while it is not scored, NaN where it has none or one that is no number."""
        scored = self._scored.get(doc_id)
        if scored is None:
            return None
        value = scored.metrics.get(metric.filter, {}).get(metric.metric)
        return float(value) if isinstance(value, bool | int | float | np.number | np.bool_) else math.nan

    def right(self, doc_id: int) -> bool | None:
        """Return whether a scored document is right by the preferred metric of its task, with the first filter; None
        where that metric is not 0 or 1, or the task has none that is preferred."""
        scored = self._scored[doc_id]
        main = preferred([MetricName(metric, name) for name, metrics in scored.metrics.items() for metric in metrics])
        value = scored.metrics[main.filter][main.metric] if main is not None else None
        return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None

    def doc_hash(self, doc_id: int) -> str:
        """Return a document's digest, by which two runs are paired."""
        return document_hash(self.by_document[doc_id][0].doc)

    def hashed(self, doc_id: int) -> HashedDocument:
        """Return a document with the hashes of its content and of what the model was asked about it, as lm-eval's
        sample files hold them."""
        asked = str(hash_string(self.by_document[doc_id][0].arguments[0]))
        return HashedDocument(doc_id, self.doc_hash(doc_id), asked)

    def live_due(self) -> bool:
        """Whether live scores may be computed again without slowing the evaluation."""
        return time.monotonic() - self._live_at >= max(LIVE_INTERVAL, LIVE_COST_FACTOR * self._live_cost)

    def live(self) -> list[LiveScore]:
        """Compute the scores over the documents scored so far, in document order."""
        started = time.monotonic()
        aggregation = self.task.aggregation()
        scores = [
            LiveScore(
                metric,
                name,
                value if math.isfinite(value) else None,
                _mean_stderr(aggregation.get(metric, mean), items),
                len(items),
                mean=aggregation.get(metric, mean) is mean,
            )
            for (metric, name), items in self._raw_metrics(
                sorted(self._scored), {doc_id: scored.metrics for doc_id, scored in self._scored.items()}
            ).items()
            if isinstance(value := _aggregate(aggregation.get(metric, mean), items), float)
        ]
        self._live_at = time.monotonic()
        self._live_cost = self._live_at - started
        return scores

    def final(self) -> TaskScores:
        """Score everything answered as lm-eval does: filters over all documents at once, in document order.

        A filter may look at several documents; where that changes what a document was scored on, it is scored again.
        """
        done = sorted(doc_id for doc_id in self.by_document if self.complete(doc_id))
        if not done:
            return TaskScores({}, [], ())
        views = {doc_id: self._views(doc_id) for doc_id in done}
        for repeat in range(self._repeats):
            instances = [instance for doc_id in done for instance in views[doc_id][repeat]]
            for filters in self.task._filters:  # noqa: SLF001
                filters.apply(instances)
        for doc_id in done:
            known, filtered = self._scored.get(doc_id), [_filtered(instances) for instances in views[doc_id]]
            if known is None or [answer.filtered for answer in known.answers] != filtered:
                self._scored[doc_id] = self._process(doc_id, views[doc_id])
        scored = {doc_id: self._scored[doc_id] for doc_id in done}
        whole, spreads = {doc_id: found.metrics for doc_id, found in scored.items()}, {}
        if self._repeats > 1:
            whole, spreads = with_chances(scored, self.task.higher_is_better()), spreads_of(scored)
        return TaskScores(self._raw_metrics(done, whole), self._samples(done, whole), tuple(done), spreads)

    def _raw_metrics(
        self, doc_ids: list[int], whole: Mapping[int, Mapping[str, Mapping[str, Any]]]
    ) -> dict[tuple[str, str], list[Any]]:
        raw: dict[tuple[str, str], list[Any]] = defaultdict(list)
        filters = whole[doc_ids[0]] if doc_ids else {}
        for name in filters:
            for doc_id in doc_ids:
                for metric, value in whole[doc_id][name].items():
                    raw[metric, name].append(value)
        return raw

    def _samples(
        self, doc_ids: list[int], whole: Mapping[int, Mapping[str, Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Return one record for each filter and document, with lm-eval's keys (its evaluator.py, `log_samples`)."""
        return [self._sample(doc_id, name, whole[doc_id][name]) for name in whole[doc_ids[0]] for doc_id in doc_ids]

    def _sample(self, doc_id: int, name: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
        instances, doc = self.by_document[doc_id], self.docs[doc_id]
        target = self.task.doc_to_target(doc)
        return {
            "doc_id": doc_id,
            "doc": doc,
            "target": target,
            "arguments": [instance.args for instance in instances],
            "resps": [instance.resps for instance in instances],
            **self._of_answers(doc_id, name),
            "filter": name,
            "metrics": list(metrics),
            "doc_hash": self.doc_hash(doc_id),
            "prompt_hash": hash_string(instances[0].arguments[0]),
            "target_hash": hash_string(str(target)),
            **(metrics if self._repeats == 1 else flat(metrics)),
        }

    def _of_answers(self, doc_id: int, name: str) -> dict[str, Any]:
        """Return what the filter `name` made of a document's answers, request by request; of several answers a list for
        each request, as lm-eval has it where a filter leaves several, and each metric's value for each answer."""
        answers = self._scored[doc_id].answers
        if self._repeats == 1:
            return {"filtered_resps": answers[0].filtered[name]}
        by_request = zip(*(answer.filtered[name] for answer in answers), strict=True)
        metrics = {metric: values_of(answers, MetricName(metric, name)) for metric in answers[0].metrics[name]}
        return {"filtered_resps": [list(found) for found in by_request], "repeats": numbers(metrics)}


def _filtered(instances: Sequence[Instance]) -> dict[str, list[Any]]:
    """Return for each filter what it made of each request."""
    return {name: [instance.filtered_resps[name] for instance in instances] for name in instances[0].filtered_resps}


def document_hash(doc: Any) -> str:
    """Return lm-eval's digest of a document (its evaluator.py)."""
    return str(hash_string(json.dumps(doc, indent=2, default=handle_non_serializable, ensure_ascii=False)))


def _aggregate(function: Any, items: list[Any]) -> float | None:
    """Return a task's aggregate over part of its documents; None for one that needs all of them."""
    try:
        return float(function(items))
    except (ArithmeticError, TypeError, ValueError, IndexError):
        return None  # a correlation of two points, say: shown as soon as it can be computed


def _mean_stderr(function: Any, items: list[Any]) -> float | None:
    return float(mean_stderr(items)) if function is mean and len(items) > 1 else None
