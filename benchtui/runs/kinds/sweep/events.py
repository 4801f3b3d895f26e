"""What happens in a sweep over thresholds, beside what happens in every run."""

from __future__ import annotations

import msgspec

from benchtui.runs.events import Event


class TaskToSweep(msgspec.Struct, frozen=True):
    """A task, how many documents it has, and the `stages` that each of them goes through, by name."""

    name: str
    documents: int
    stages: tuple[str, ...]


class SweepPlanned(Event, frozen=True, kw_only=True, tag="sweep-planned"):
    """There are these tasks."""

    tasks: list[TaskToSweep]


class Swept(Event, frozen=True, kw_only=True, tag="swept"):
    """So many documents of a task are through a stage, of those that go through it."""

    task: str
    stage: str
    documents: int
    documents_total: int
