"""What several workers tell that evaluate parts of one benchmark, as what is true of the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from benchtui.routing.answers import together as work_together
from benchtui.runs.answer_health import together as health_together
from benchtui.runs.events import Ahead, Event
from benchtui.runs.kinds.benchmark.events import (
    Marked,
    Planned,
    PlannedTask,
    Progress,
    Routed,
    RoutedAnswer,
    RoutedDocuments,
    Scores,
)
from benchtui.runs.live_score import LiveScore, mean_of_parts
from benchtui.tasks.primary_metric import ordered

NEWEST_ROUTED = 20
"""Answers of two models that are told at a time."""

EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True)
class _Part:
    """What one worker told of one task: `progress`, `scores` and `routed` are about the same documents, or fewer."""

    progress: Progress | None = None
    scores: Scores | None = None
    routed: Routed | None = None


@dataclass
class _Task:
    """One task, by shard: what was told last, and what was told when all that it counts had been handed in."""

    latest: dict[int, _Part] = field(default_factory=dict)
    settled: dict[int, _Part] = field(default_factory=dict)


class BenchmarkCombine:
    """Sums what is done of each task over the shards, which all name the whole task as planned.

    Scores are combined where that gives the score of all documents together: where they are means. Of a task whose main
    score is none (a median, BLEU over a corpus) no score is told before the run is scored at its end. Each document
    counts once: what a slot that was lost had answered of its open chunks is answered again by others.
    """

    def __init__(self) -> None:
        self._planned: dict[str, dict[int, PlannedTask]] = {}
        self._answered_before: dict[tuple[str, int], int] = {}
        self._tasks: dict[str, _Task] = {}
        self._at: dict[int, str] = {}
        self._changed: dict[tuple[type[Event], str], float] = {}
        self._newest: dict[str, list[RoutedAnswer]] = {}

    def take(self, shard: int, event: Event) -> Event | None:
        """Planned tasks and marks are told at once."""
        match event:
            case Planned():
                return self._plan(shard, event)
            case Progress():
                self._at[shard] = event.task
                self._note(shard, event, replace(self._part(shard, event.task), progress=event))
            case Scores():
                self._note(shard, event, replace(self._part(shard, event.task), scores=event))
            case Routed():
                self._newest[event.task] = [*self._newest.get(event.task, ()), *event.answers][-NEWEST_ROUTED:]
                self._note(shard, event, replace(self._part(shard, event.task), routed=event))
            case Marked():
                return event
        return None

    def settle(self, shard: int, ahead: Sequence[Ahead] = ()) -> None:
        """All that it told of is answered for good: its chunks are done, but for what is `ahead` of them. Scores over
        documents that are ahead are not settled: those of before are about fewer."""
        of_task = {found.task: found for found in ahead}
        for name, task in self._tasks.items():
            if (part := task.latest.get(shard)) is None:
                continue
            if name in of_task and part.progress is not None:
                before = task.settled.get(shard, _Part())
                part = replace(before, progress=_without(part.progress, of_task[name]))
            task.settled[shard] = part

    def lose(self, shard: int) -> None:
        """Count no more of it than was settled."""
        self._at.pop(shard, None)
        for name, task in self._tasks.items():
            kept = task.settled.get(shard, _Part())
            if task.latest.get(shard, kept) == kept:
                continue
            task.latest[shard] = kept
            for kind in (Progress, Scores, Routed):
                self._changed.setdefault((kind, name), 0.0)

    def sums(self) -> list[Event]:
        """Progress, scores and routing of each task of which something was told since the last call."""
        told = [self._sum(kind, task, t) for (kind, task), t in self._changed.items()]
        self._changed.clear()
        return [event for event in told if event is not None]

    # One worker's word.

    def _plan(self, shard: int, event: Planned) -> Planned:
        for task in event.tasks:
            self._planned.setdefault(task.task, {})[shard] = task
            self._answered_before.setdefault((task.task, shard), task.answered)
        return msgspec.structs.replace(event, tasks=[self._sum_planned(task) for task in event.tasks])

    def _part(self, shard: int, task: str) -> _Part:
        return self._tasks.setdefault(task, _Task()).latest.get(shard, _Part())

    def _note(self, shard: int, event: Progress | Scores | Routed, part: _Part) -> None:
        task = self._tasks[event.task]
        task.latest[shard] = part
        if isinstance(event, Progress):  # the first says what was answered before
            task.settled.setdefault(shard, _Part(event))
        self._changed[type(event), event.task] = event.t

    # The whole.

    def _sum_planned(self, task: PlannedTask) -> PlannedTask:
        """The largest: a worker that has not built a task's prompts knows no requests of it. What was answered before
        is what the first worker of each shard found."""
        parts = self._planned[task.task]
        return msgspec.structs.replace(
            task,
            documents=max(part.documents for part in parts.values()),
            requests=max(part.requests for part in parts.values()),
            answered=sum(self._answered_before[task.task, shard] for shard in parts),
        )

    def _sum(self, kind: type[Event], task: str, t: float) -> Event | None:
        parts = self._tasks[task].latest
        if kind is Progress:
            return self._sum_progress(task, _told(parts, lambda part: part.progress), t)
        if kind is Scores:
            return self._sum_scores(task, list(_told(parts, lambda part: part.scores).values()), t)
        return self._sum_routed(task, list(_told(parts, lambda part: part.routed).values()), t)

    def _sum_progress(self, task: str, parts: Mapping[int, Progress], t: float) -> Progress | None:
        if not parts:
            return None
        at_work = [part for shard, part in parts.items() if self._at.get(shard) == task]
        total = max(part.documents_total for part in parts.values())
        requests = max(part.requests_total for part in parts.values())
        return Progress(
            t=t or max(part.t for part in parts.values()),
            task=task,
            documents=min(sum(part.documents for part in parts.values()), total),
            documents_total=total,
            requests=min(sum(part.requests for part in parts.values()), requests),
            requests_total=requests,
            documents_per_second=sum(part.documents_per_second for part in at_work),
            tokens_per_second=sum(part.tokens_per_second for part in at_work),
        )

    def _sum_scores(self, task: str, parts: Sequence[Scores], t: float) -> Scores | None:
        if not parts:
            return None
        health = [part.health for part in parts if part.health is not None]
        return Scores(
            t=t or max(part.t for part in parts),
            task=task,
            scores=_means(parts),
            health=health_together(health) if health else None,
        )

    def _sum_routed(self, task: str, parts: Sequence[Routed], t: float) -> Routed | None:
        if not parts:
            return None
        documents = [part.documents for part in parts]
        return Routed(
            t=t or max(part.t for part in parts),
            task=task,
            work=work_together(part.work for part in parts),
            documents=RoutedDocuments(
                sum(each.small for each in documents),
                sum(each.large for each in documents),
                sum(each.both for each in documents),
            ),
            answers=self._newest.pop(task, []),
        )


def _means(parts: Sequence[Scores]) -> list[LiveScore]:
    """The scores that are means of all documents; none where the task's main score is not such a mean."""
    named: dict[tuple[str, str], list[LiveScore]] = {}
    for part in parts:
        for score in part.scores:
            named.setdefault((score.metric, score.filter), []).append(score)
    main = next(iter(ordered([scores[0] for scores in named.values()])), None)
    if main is None or mean_of_parts(named[main.metric, main.filter]) is None:
        return []
    return [mean for scores in named.values() if (mean := mean_of_parts(scores)) is not None]


def _without(progress: Progress, ahead: Ahead) -> Progress:
    return msgspec.structs.replace(
        progress,
        documents=max(progress.documents - ahead.documents, 0),
        requests=max(progress.requests - ahead.requests, 0),
    )


def _told(parts: Mapping[int, _Part], what: Callable[[_Part], EventT | None]) -> dict[int, EventT]:
    """What each shard told of one kind, where it told any."""
    return {shard: event for shard, part in parts.items() if (event := what(part)) is not None}
