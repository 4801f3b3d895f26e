"""What a run is evaluated with, and what has been found of it so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import EarlyStop
from benchtui.routing.answers import RoutedFacts
from benchtui.routing.rules import Settled
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.directory import RunDirectory, WorkerFiles
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal.journal import Journal
from benchtui.worker.benchmark.answers.scoring import TaskScores
from benchtui.worker.benchmark.speed import SpeedMeter
from benchtui.worker.benchmark.tasks.load import LoadedTasks
from benchtui.worker.guard import StopFlag
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.report import Reporter


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """A run with its tasks loaded and its files open.

    `libraries` turns what the libraries report into events of the run whose turn it is. `caveats` are sentences to be
    shown beside the scores. `files` are those that this worker writes.
    """

    run: RunDirectory
    files: WorkerFiles
    plan: BenchmarkPlan
    tasks: LoadedTasks
    journal: Journal
    in_hand: InHandWriter
    reporter: Reporter
    stop: StopFlag
    libraries: LibraryListener
    speed: SpeedMeter
    caveats: tuple[str, ...] = ()

    def take_turn(self) -> None:
        """From now on the worker works for this run: what the libraries report is written into its events."""
        self.libraries.reporter = self.reporter


class TaskCoverage(msgspec.Struct, frozen=True):
    """How much of a task the scores are about: documents done of total, and which of those that should be are not."""

    done: int
    total: int
    unanswered: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelDescription:
    """What the result files tell of the model: the worker's own choices (device, dtype), and lm-eval's facts of its
    tokenizer."""

    facts: dict[str, Any]
    tokenizer: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What has been found so far: `scores`, `coverage`, `health` and `thresholds` by leaf task, `early` by unit;
    `routed` by leaf task, where two models answered it together;
    `prompt_lengths` in tokens, of every answered request; `started` is when the evaluation began, in seconds since the
    epoch."""

    model: ModelDescription
    scores: dict[str, TaskScores] = field(default_factory=dict)
    coverage: dict[str, TaskCoverage] = field(default_factory=dict)
    health: dict[str, TaskHealth] = field(default_factory=dict)
    prompt_lengths: list[int] = field(default_factory=list)
    early: dict[str, EarlyStop] = field(default_factory=dict)
    routed: dict[str, RoutedFacts] = field(default_factory=dict)
    thresholds: dict[str, Settled] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    @property
    def partial(self) -> bool:
        """Whether a document that should be scored is not."""
        return any(coverage.unanswered for coverage in self.coverage.values())
