"""Partial results without a model: what the journal holds is scored and written."""

from __future__ import annotations

import time

from benchtui.runs.records import read_launch
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.context import Outcome, RunContext
from benchtui.worker.benchmark.stages import (
    announce_tasks,
    bind_journal,
    noted_early,
    noted_model,
    score_unit,
    warn_of_nothing,
    write_outcome,
)
from benchtui.worker.benchmark.task_run import TaskRun
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.tasks.units import asked_together


def score_journal(context: RunContext, chat: ChatRenderer | None) -> None:
    """Score every answered document and write the result files. Raises StopRequested, after writing, if told to stop;
    BenchtuiError, OSError or sqlite3.OperationalError (a full disk)."""
    context.take_turn()
    bind_journal(context, dtype=None)
    outcome = Outcome(noted_model(context.journal), early=noted_early(context), started=_began(context))
    announce_tasks(context)
    for unit in asked_together(context.plan, context.tasks, outcome.early):
        wanted = [loaded for loaded in unit.leaves if unit.name in outcome.early or _any(context, loaded)]
        runs = {loaded.name: _answered(context, loaded, chat) for loaded in wanted}
        score_unit(context, outcome, unit.name, unit.leaves, runs)
    if not write_outcome(context, outcome):
        warn_of_nothing(context)
    context.stop.check()


def _began(context: RunContext) -> float:
    """When the evaluation began that is scored here, in seconds since the epoch."""
    launch = read_launch(context.run)
    return launch.t if launch is not None else time.time()


def _any(context: RunContext, loaded: LoadedTask) -> bool:
    return context.journal.count(loaded.name) > 0


def _answered(context: RunContext, loaded: LoadedTask, chat: ChatRenderer | None) -> TaskRun:
    context.reporter.task = loaded.name
    return TaskRun(context, loaded, chat, interruptible=False)
