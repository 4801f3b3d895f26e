"""The counts of several workers that evaluate parts of one benchmark, as counts of the whole."""

from __future__ import annotations

import msgspec

from benchtui.runs.events import Event
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress


class BenchmarkCombine:
    """Sums what is done of each task over the shards, which all name the whole task as planned. Scores of a part are no
    scores of the run, and cannot be averaged for every metric: they stay in the shard's file, and the run is scored at
    its end."""

    def __init__(self) -> None:
        self._planned: dict[str, dict[int, PlannedTask]] = {}
        self._progress: dict[str, dict[int, Progress]] = {}
        self._at: dict[int, str] = {}

    def take(self, shard: int, event: Event) -> Event | None:
        match event:
            case Planned():
                for task in event.tasks:
                    self._planned.setdefault(task.task, {})[shard] = task
                return msgspec.structs.replace(event, tasks=[self._sum_planned(task) for task in event.tasks])
            case Progress():
                self._progress.setdefault(event.task, {})[shard] = event
                self._at[shard] = event.task
                return self._sum_progress(event)
            case _:
                return None

    def _sum_planned(self, task: PlannedTask) -> PlannedTask:
        """The largest: a worker that has not built a task's prompts knows no requests of it."""
        parts = self._planned[task.task].values()
        return msgspec.structs.replace(
            task,
            documents=max(part.documents for part in parts),
            requests=max(part.requests for part in parts),
            answered=sum(part.answered for part in parts),
        )

    def _sum_progress(self, event: Progress) -> Progress:
        parts = self._progress[event.task].values()
        at_work = [part for shard, part in self._progress[event.task].items() if self._at.get(shard) == event.task]
        return msgspec.structs.replace(
            event,
            documents=sum(part.documents for part in parts),
            documents_total=max(part.documents_total for part in parts),
            requests=sum(part.requests for part in parts),
            requests_total=max(part.requests_total for part in parts),
            documents_per_second=sum(part.documents_per_second for part in at_work),
            tokens_per_second=sum(part.tokens_per_second for part in at_work),
        )
