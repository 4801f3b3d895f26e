"""The stages of every evaluation, with a model or without: tie the journal to the plan, score, write the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from benchtui.results.records import EarlyStop
from benchtui.runs.events import Results
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask
from benchtui.runs.kinds.benchmark.task_data import read_data
from benchtui.worker.benchmark.answers.scoring import TaskScores
from benchtui.worker.benchmark.context import ModelDescription, Outcome, RunContext, TaskCoverage
from benchtui.worker.benchmark.early_stop.order import decided_by
from benchtui.worker.benchmark.task_run import TaskRun
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.thresholds import noted_threshold
from benchtui.worker.benchmark.write import write_results

PLANNED_AT_ONCE = 200
"""Tasks in one event, which has a greatest length."""

_DTYPE, _FACTS, _TOKENIZER = "dtype in use", "facts of the worker", "facts of the tokenizer"


def bind_journal(context: RunContext, dtype: str | None) -> None:
    """Tie the journal to everything that can change a score; `dtype` is the loaded model's, None without a model.
    Raises BenchtuiError when the answers in it were given under other settings."""
    journal = context.journal
    if journal.salvaged:
        context.reporter.warn(journal.salvaged, "What was lost is asked again.")
    made = {_DTYPE: dtype} if dtype is not None else {}
    journal.bind({**made, **context.plan.bound_facts()})


def note_model(journal: Journal, model: ModelDescription) -> None:
    """Note what results tell of the model, for whoever scores the journal without it."""
    journal.note(_FACTS, model.facts)
    journal.note(_TOKENIZER, model.tokenizer)


def noted_model(journal: Journal) -> ModelDescription:
    """What the journal tells of the model that answered."""
    dtype: Any = journal.noted(_DTYPE)
    facts: Any = journal.noted(_FACTS) or ({"dtype": dtype} if dtype else {})
    tokenizer: Any = journal.noted(_TOKENIZER) or {}
    return ModelDescription(facts, tokenizer)


def note_early(context: RunContext, name: str, stop: EarlyStop | None) -> None:
    """Note that the unit `name` needs no more documents, for whoever scores the journal without a model; None takes
    the note back."""
    context.journal.note(_early_note(name), msgspec.to_builtins(stop))


def noted_early(context: RunContext) -> dict[str, EarlyStop]:
    """What the journal tells of the units that were decided early."""
    found = {name: context.journal.noted(_early_note(name)) for name in unit_names(context)}
    return {name: msgspec.convert(stop, EarlyStop) for name, stop in found.items() if stop is not None}


def unit_names(context: RunContext) -> list[str]:
    """The names of all that may be decided early: groups and leaf tasks."""
    return [*context.tasks.groups, *(loaded.name for loaded in context.tasks.tasks)]


def announce_tasks(context: RunContext) -> None:
    """Tell which leaf tasks there are, how large, and how much of each is answered."""
    planned = [
        PlannedTask(loaded.name, loaded.documents, 0, context.journal.count(loaded.name), loaded.kind)
        for loaded in context.tasks.tasks
    ]
    for start in range(0, len(planned), PLANNED_AT_ONCE):
        context.reporter.emit(Planned(tasks=planned[start : start + PLANNED_AT_ONCE]))


def score_unit(
    context: RunContext, outcome: Outcome, name: str, leaves: Sequence[LoadedTask], runs: Mapping[str, TaskRun]
) -> None:
    """Score what is answered of the leaf tasks of the unit `name`: where this run was decided early, no more than it
    was decided by, however many documents its workers had in hand then."""
    stop = outcome.early.get(name)
    counted = decided_by(leaves, context.plan, stop) if stop and context.plan.decide_early is not None else {}
    for loaded in leaves:
        task_run = runs.get(loaded.name)
        if task_run is not None and (why := task_run.only_chance()):  # left over from a run that stopped for it
            context.reporter.warn(why, "The task is left out of the results.")
            task_run = None
        if task_run is None:
            outcome.scores[loaded.name] = TaskScores({}, [], ())
            outcome.coverage[loaded.name] = TaskCoverage(0, loaded.documents, tuple(range(loaded.documents)))
            continue
        if loaded.name in counted:
            task_run.keep_only(counted[loaded.name])
        outcome.scores[loaded.name], outcome.coverage[loaded.name] = task_run.finish(early=name in outcome.early)
        outcome.health[loaded.name] = task_run.health()
        if (routed := task_run.requests.routed()) is not None:
            outcome.routed[loaded.name] = routed
        if (settled := noted_threshold(context.journal, loaded.name)) is not None:
            outcome.thresholds[loaded.name] = settled
        outcome.prompt_lengths.extend(task_run.requests.prompt_lengths())


def write_outcome(context: RunContext, outcome: Outcome) -> bool:
    """Write the result files; False when there is nothing to write, since no document is completely answered."""
    context.reporter.task = ""
    if context.journal.damaged:
        damaged = f"{context.journal.damaged} answers in the journal were damaged and did not count."
        context.reporter.warn(damaged, "What is missing is asked again.")
    if not any(found.documents for found in outcome.scores.values()):
        return False
    context.reporter.phase("writing")
    speed = context.speed.speed(context.plan.source, outcome.prompt_lengths)
    file = write_results(context.run, context.plan, context.tasks, outcome, read_data(context.journal), speed)
    context.reporter.emit(Results(file=file.name, partial=outcome.partial, early=bool(outcome.early)))
    return True


def warn_of_nothing(context: RunContext) -> None:
    """Say that it is too early for scores: nothing is wrong."""
    context.reporter.warn("No sample was completely answered yet, so there is nothing to score.")


def _early_note(name: str) -> str:
    return f"{name} decided early"
