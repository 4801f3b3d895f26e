"""One run, task by task: ask what is not yet answered, journal, score, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchtui.errors import BenchtuiError
from benchtui.results.records import EarlyStop
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.benchmark import same_scores
from benchtui.worker.benchmark.asked_task import AskedTask
from benchtui.worker.benchmark.context import Outcome, RunContext
from benchtui.worker.benchmark.early_stop.base_scores import base_or_warning
from benchtui.worker.benchmark.early_stop.decide import ask_until_decided
from benchtui.worker.benchmark.stages import (
    announce_tasks,
    bind_journal,
    note_early,
    note_model,
    score_unit,
    unit_names,
    warn_of_nothing,
    write_outcome,
)
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.tasks.units import Unit, alpha_of_each, asked_together
from benchtui.worker.guard import StopRequested


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A run, the model that answers for it, and what has been found so far."""

    context: RunContext
    model: LmEvalModel
    outcome: Outcome

    @property
    def asking(self) -> bool:
        """Whether the model may still be asked."""
        return not self.context.stop.requested

    def decided(self, name: str, stop: EarlyStop) -> None:
        """The unit `name` needs no more documents."""
        self.outcome.early[name] = stop
        note_early(self.context, name, stop)


def evaluate(evaluation: Evaluation) -> None:
    """Evaluate every task and write the result files.

    Told to stop, it writes partial results of what is answered, then raises StopRequested. Raises BenchtuiError,
    OSError or sqlite3.OperationalError (a full disk).
    """
    context = evaluation.context
    begin(evaluation)
    together = asked_together(context.plan, context.tasks, early={})
    for unit in together:
        asked = open_tasks(evaluation, unit.leaves)
        if evaluation.asking:
            with suppress(StopRequested):
                _ask(evaluation, unit, asked, alpha_of_each(together))
        score(evaluation, unit.name, unit.leaves, asked)
    conclude(evaluation)
    context.stop.check()


def begin(evaluation: Evaluation) -> None:
    """Tie the journal to what can change a score, and say what is planned."""
    context, model = evaluation.context, evaluation.outcome.model
    context.take_turn()
    bind_journal(context, dtype=model.facts["dtype"])
    same_scores.begin(context, evaluation.model.answering)
    note_model(context.journal, model)
    for name in unit_names(context):
        note_early(context, name, None)  # it is decided anew, from the same answers
    announce_tasks(context)


def open_tasks(evaluation: Evaluation, leaves: Sequence[LoadedTask]) -> dict[str, AskedTask]:
    """Build the prompts of these leaf tasks and read their answers. Told to stop, only of those that have answers."""
    context = evaluation.context
    context.take_turn()
    asked: dict[str, AskedTask] = {}
    with suppress(StopRequested):
        for loaded in leaves:
            context.reporter.task = loaded.name
            answered = context.journal.count(loaded.name)
            if answered or evaluation.asking:
                asked[loaded.name] = AskedTask(context, loaded, evaluation.model, interruptible=not answered)
    return asked


def score(evaluation: Evaluation, name: str, leaves: Sequence[LoadedTask], asked: Mapping[str, AskedTask]) -> None:
    """Score what is answered of the leaf tasks of the unit `name`."""
    evaluation.context.take_turn()
    score_unit(evaluation.context, evaluation.outcome, name, leaves, asked)


def conclude(evaluation: Evaluation) -> None:
    """Write the result files; raises BenchtuiError when there is nothing to write, though nobody stopped it."""
    evaluation.context.take_turn()
    if write_outcome(evaluation.context, evaluation.outcome):
        return
    if evaluation.asking:
        raise BenchtuiError("No sample was completely answered, so there is nothing to score.", "Resume the run.")
    warn_of_nothing(evaluation.context)


def _ask(evaluation: Evaluation, unit: Unit, asked: Mapping[str, AskedTask], alpha: float) -> None:
    """Have the model answer these tasks, as far as it takes where that may be decided early."""
    context = evaluation.context
    if context.plan.decide_early is not None:
        base = base_or_warning(context.run, context.plan, unit, context.reporter)
        if base is not None:
            if stop := ask_until_decided(unit, asked, base, context.plan, alpha, context.reporter):
                evaluation.decided(unit.name, stop)
            return
    for task in asked.values():
        task.ask()
