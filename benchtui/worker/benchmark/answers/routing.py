"""Tells what each of two models did for a task's answers, and who wrote the newest of them."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from benchtui.results.routed import ROUTED, routed_record
from benchtui.routing.answers import RoutedFacts, together
from benchtui.routing.strip import strip_of, strip_of_parts
from benchtui.runs.kinds.benchmark.events import Routed, RoutedAnswer, RoutedDocuments
from benchtui.worker.benchmark.answers.health import Asked
from benchtui.worker.benchmark.answers.scoring import TaskScores
from benchtui.worker.report import Reporter

INTERVAL = 0.5
"""Seconds between two events."""
SHOWN = 20
"""Answers in one event: of faster models the older ones are left out."""


class RoutingTold:
    """The routing of one task; nothing is told of a task that one model answers."""

    def __init__(self, reporter: Reporter, task: str) -> None:
        self._reporter = reporter
        self._task = task
        self._work = RoutedFacts()
        self._small = self._large = self._both = 0
        self._newest: deque[RoutedAnswer] = deque(maxlen=SHOWN)
        self._told_at = 0.0

    def add(self, doc_id: int, document: Sequence[Asked]) -> None:
        """Count the answers to one document, and keep them for the next event."""
        known = [asked.facts.routed for asked in document if asked.facts is not None and asked.facts.routed is not None]
        if not known:
            return
        whole = together(known)
        self._work = together((self._work, whole))
        small, large = whole.small.chosen, whole.large.chosen
        self._both += bool(small and large)
        self._small += bool(small and not large)
        self._large += bool(large and not small)
        written = [strip_of(facts.runs) for facts in known if facts.runs]
        strip = written[0] if written else strip_of_parts([(one.small.chosen, one.large.chosen) for one in known])
        self._newest.append(RoutedAnswer(doc_id, small, large, strip))

    def tell(self, *, force: bool = False) -> None:
        """Tell the sums and the newest answers, at most twice a second unless `force`: call it when a batch of answers
        is counted."""
        now = time.monotonic()
        if self._newest and (force or now - self._told_at >= INTERVAL):
            self._told_at = now
            documents = RoutedDocuments(self._small, self._large, self._both)
            self._reporter.emit(
                Routed(task=self._task, work=self._work, documents=documents, answers=list(self._newest))
            )
            self._newest.clear()


def with_routing(scores: TaskScores, answers_of: Callable[[int], Sequence[Asked]]) -> TaskScores:
    """Return scores whose samples say which model answered: a key of ours beside those of lm-eval, where two did. A
    metric of that name is kept instead."""
    return dataclasses.replace(scores, logged_samples=[_routed(sample, answers_of) for sample in scores.logged_samples])


def _routed(sample: dict[str, Any], answers_of: Callable[[int], Sequence[Asked]]) -> dict[str, Any]:
    answers = answers_of(sample["doc_id"])
    facts = [asked.facts.routed if asked.facts is not None else None for asked in answers]
    if not any(facts) or ROUTED in sample:
        return sample
    records = [routed_record(one) if one is not None else None for one in facts]
    repeats = len(records) // max(len(sample["resps"]), 1) or 1
    return sample | {ROUTED: [records[at : at + repeats] for at in range(0, len(records), repeats)]}
