"""Scores one task from its answered requests: the same code for live, final and recovered scores."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.api.task import Task
from lm_eval.utils import handle_non_serializable, hash_string

from benchtui.evidence.pairing import HashedDocument
from benchtui.runs.live_score import LiveScore
from benchtui.tasks.primary_metric import MetricName, preferred

LIVE_COST_FACTOR = 10
LIVE_INTERVAL = 0.9
"""Live scores are recomputed at most every 0.9 s, and never for more than a tenth of the time."""


@dataclass
class _ScoredDocument:
    """What lm-eval's `process_results` made of one document: metrics for each filter, and what they were made from."""

    filtered: dict[str, list[Any]]
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskScores:
    """lm-eval's accumulator for a task (its `ResultAcc`), and which documents are in it."""

    raw_metrics: dict[tuple[str, str], list[Any]]
    logged_samples: list[dict[str, Any]]
    documents: tuple[int, ...]


class TaskScorer:
    """Scores documents of `task` as they are answered.

    `instances` are the requests of all documents, built by `task.build_all_requests`; a document is scored when the
    `resps` of each of its instances hold all their repeats. `docs` maps doc_id to the document; `in_hand` is told the
    doc_id before the task's own code is run on a document.
    """

    def __init__(
        self,
        task: Task,
        instances: Iterable[Instance],
        docs: dict[int, Any],
        in_hand: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.task = task
        self.docs = docs
        self._in_hand = in_hand
        self.by_document: dict[int, list[Instance]] = defaultdict(list)
        for instance in instances:
            self.by_document[instance.doc_id].append(instance)
        for group in self.by_document.values():
            group.sort(key=lambda instance: instance.idx)
        self._scored: dict[int, _ScoredDocument] = {}
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
        instances = self.by_document[doc_id]
        self._in_hand(doc_id)
        for filters in self.task._filters:  # noqa: SLF001 - lm-eval offers no public way to filter part of a task
            filters.apply(instances)
        self._scored[doc_id] = self._process(doc_id, instances)

    def _process(self, doc_id: int, instances: list[Instance]) -> _ScoredDocument:
        self._in_hand(doc_id)
        names = list(instances[0].filtered_resps)
        scored = _ScoredDocument({name: [i.filtered_resps[name] for i in instances] for name in names})
        for name in names:
            scored.metrics[name] = dict(self.task.process_results(self.docs[doc_id], scored.filtered[name]))
        return scored

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
        """Return lm-eval's digest of a document (evaluator.py), by which two runs are paired."""
        doc = self.by_document[doc_id][0].doc
        return str(hash_string(json.dumps(doc, indent=2, default=handle_non_serializable, ensure_ascii=False)))

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
            )
            for (metric, name), items in self._raw_metrics(sorted(self._scored)).items()
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
        instances = [instance for doc_id in done for instance in self.by_document[doc_id]]
        if not instances:
            return TaskScores({}, [], ())
        for filters in self.task._filters:  # noqa: SLF001
            filters.apply(instances)
        for doc_id in done:
            group = self.by_document[doc_id]
            known = self._scored.get(doc_id)
            filtered = {name: [i.filtered_resps[name] for i in group] for name in group[0].filtered_resps}
            if known is None or known.filtered != filtered:
                self._scored[doc_id] = self._process(doc_id, group)
        return TaskScores(self._raw_metrics(done), self._samples(done), tuple(done))

    def _raw_metrics(self, doc_ids: list[int]) -> dict[tuple[str, str], list[Any]]:
        raw: dict[tuple[str, str], list[Any]] = defaultdict(list)
        filters = self._scored[doc_ids[0]].metrics if doc_ids else {}
        for name in filters:
            for doc_id in doc_ids:
                for metric, value in self._scored[doc_id].metrics[name].items():
                    raw[metric, name].append(value)
        return raw

    def _samples(self, doc_ids: list[int]) -> list[dict[str, Any]]:
        """Return one record for each filter and document, with lm-eval's keys (its evaluator.py, `log_samples`)."""
        filters = self._scored[doc_ids[0]].metrics
        return [self._sample(doc_id, name) for name in filters for doc_id in doc_ids]

    def _sample(self, doc_id: int, name: str) -> dict[str, Any]:
        instances, doc = self.by_document[doc_id], self.docs[doc_id]
        metrics = self._scored[doc_id].metrics[name]
        target = self.task.doc_to_target(doc)
        return {
            "doc_id": doc_id,
            "doc": doc,
            "target": target,
            "arguments": [instance.args for instance in instances],
            "resps": [instance.resps for instance in instances],
            "filtered_resps": [instance.filtered_resps[name] for instance in instances],
            "filter": name,
            "metrics": list(metrics),
            "doc_hash": self.doc_hash(doc_id),
            "prompt_hash": hash_string(instances[0].arguments[0]),
            "target_hash": hash_string(str(target)),
            **metrics,
        }


def _aggregate(function: Any, items: list[Any]) -> float | None:
    """Return a task's aggregate over part of its documents; None for one that needs all of them."""
    try:
        return float(function(items))
    except (ArithmeticError, TypeError, ValueError, IndexError):
        return None  # a correlation of two points, say: shown as soon as it can be computed


def _mean_stderr(function: Any, items: list[Any]) -> float | None:
    return float(mean_stderr(items)) if function is mean and len(items) > 1 else None
