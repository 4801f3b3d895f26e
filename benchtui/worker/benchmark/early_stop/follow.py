"""Deciding early while several workers answer: a process without a model follows what they have answered."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchtui.runs.chunks import ChunkReader
from benchtui.runs.events import UnitDecided
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.context import RunContext
from benchtui.worker.benchmark.early_stop.base_scores import base_or_warning
from benchtui.worker.benchmark.early_stop.decide import until_decided
from benchtui.worker.benchmark.stages import bind_journal, note_early, noted_early
from benchtui.worker.benchmark.task_run import TaskRun
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.tasks.units import Unit, alpha_of_each, asked_together

LOOK_EVERY = 0.1
"""Seconds between looks at the journals."""


class _NoMoreAnswersError(Exception):
    """A document will not be answered: all workers have ended."""


def decide_while_asked(context: RunContext, chat: ChatRenderer | None) -> None:
    """Look at the units in the order in which the workers answer them, and note and tell which are decided early: each
    where one worker alone would decide it. Raises StopRequested if told to stop, BenchtuiError, OSError or
    sqlite3.Error."""
    context.take_turn()
    bind_journal(context, dtype=None)
    noted = noted_early(context)  # by a process before this one
    coming = ChunkReader(context.files.chunks)
    together = asked_together(context.plan, context.tasks, early={})
    for unit in together:
        context.stop.check()
        try:
            early = unit.name in noted or _is_decided(context, unit, chat, coming, alpha_of_each(together))
        except _NoMoreAnswersError:
            continue
        context.reporter.emit(UnitDecided(unit=unit.name, early=early))


def _is_decided(context: RunContext, unit: Unit, chat: ChatRenderer | None, coming: ChunkReader, alpha: float) -> bool:
    """Whether the unit is decided early, once that is known."""
    base = base_or_warning(context.run, context.plan, unit, context.reporter)
    if base is None:
        return False
    tasks = {leaf.name: _FollowedTask(context, leaf, chat, coming) for leaf in unit.leaves if not unit.in_full}
    stop = until_decided(unit, tasks, base, context.plan, alpha, context.reporter)
    if stop is not None:
        note_early(context, unit.name, stop)
    return stop is not None


class _FollowedTask(TaskRun):
    """A task that other processes answer; `coming` says when they no longer do."""

    def __init__(self, context: RunContext, loaded: LoadedTask, chat: ChatRenderer | None, coming: ChunkReader) -> None:
        super().__init__(context, loaded, chat, interruptible=True)
        self._coming = coming

    def ask(self, only: frozenset[int] | None = None) -> None:
        """Wait until these documents are answered or given up on, None for all. Raises _NoMoreAnswersError where they
        will not be, StopRequested if told to stop."""
        wanted = frozenset(self.questions) if only is None else only
        if not self._missing(wanted):
            return
        self.reporter.phase("evaluating", self.loaded.name)
        while True:
            self.context.stop.check()
            self._coming.read()
            no_more = self._coming.ended  # read first: what was answered before is in the journals now
            self.requests.take_new(self._missing(wanted))
            self.context.in_hand.clear()
            if not self._missing(wanted):
                return
            if no_more:
                raise _NoMoreAnswersError
            time.sleep(LOOK_EVERY)

    def _missing(self, wanted: Iterable[int]) -> list[int]:
        given_up = {doc_id for _, doc_id in self.context.journal.skipped(self.loaded.name)}
        return [doc_id for doc_id in wanted if doc_id not in given_up and not self._scorer.complete(doc_id)]
