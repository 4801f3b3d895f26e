"""One run, task by task: ask what is not yet answered, journal, score, write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.results.records import EarlyStop
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Planned, PlannedTask, Results
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal import Journal
from benchtui.runs.plan import RunPlan
from benchtui.scoring.task import TaskScores
from benchtui.worker.guard import StopFlag, StopRequested
from benchtui.worker.report import Reporter
from benchtui.worker.task_run import TaskRun, nothing_answered
from benchtui.worker.tasks import LoadedTask, LoadedTasks
from benchtui.worker.write import TaskCoverage, write_results

PLANNED_AT_ONCE = 200
"""Tasks in one event, which has a greatest length."""


@dataclass
class Evaluation:
    """What one run needs while it is evaluated: its plan, where it writes, and the model (None to score only).

    `memory_share` is below 1 when an earlier worker of this run was killed because memory ran out.
    """

    run: RunDirectory
    plan: RunPlan
    tasks: LoadedTasks
    journal: Journal
    reporter: Reporter
    stop: StopFlag
    in_hand: InHandWriter
    prompter: Any
    lm: Any = None
    memory_share: float = 1.0


def evaluate(evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Evaluate (or, without a model, only score) every task and write the result files.

    Told to stop, it writes partial results of what is answered, then raises StopRequested. `facts` are the worker's own
    choices (device, dtype); the journal is tied to those that can change a score. Raises BenchtuiError, OSError or
    sqlite3.OperationalError (a full disk).
    """
    started = time.time()
    _bind_journal(evaluation, facts)
    _plan_tasks(evaluation)
    found = _Found()
    for name, leaves in _asked_together(evaluation):
        _ask_and_score(evaluation, name, leaves, found)
    evaluation.reporter.task = ""
    if evaluation.journal.damaged:
        damaged = f"{evaluation.journal.damaged} answers in the journal were damaged and did not count."
        evaluation.reporter.warn(damaged, "What is missing is asked again.")
    if any(score.documents for score in found.scores.values()):
        _write(evaluation, found, facts, started)
    elif evaluation.stop.requested or evaluation.lm is None:  # too early: nothing is wrong
        evaluation.reporter.warn("No document was completely answered yet, so there is nothing to score.")
    else:
        raise BenchtuiError("No document was completely answered, so there is nothing to score.", "Resume the run.")
    evaluation.stop.check()


@dataclass
class _Found:
    """By leaf task; `early` by task of the plan."""

    scores: dict[str, TaskScores] = field(default_factory=dict)
    coverage: dict[str, TaskCoverage] = field(default_factory=dict)
    early: dict[str, EarlyStop] = field(default_factory=dict)


def _ask_and_score(evaluation: Evaluation, name: str, leaves: Sequence[LoadedTask], found: _Found) -> None:
    """Ask these leaf tasks together and score them; told to stop, or without a model, score what is answered."""
    runners: dict[str, TaskRun] = {}
    with suppress(StopRequested):
        for loaded in leaves:
            evaluation.reporter.task = loaded.name
            answered = evaluation.journal.count(loaded.name)
            if answered or (evaluation.lm is not None and not evaluation.stop.requested):
                runners[loaded.name] = TaskRun(evaluation, loaded, interruptible=not answered)
    if evaluation.lm is not None and not evaluation.stop.requested:
        with suppress(StopRequested):
            if stop := _ask(evaluation, name, runners):
                found.early[name] = stop
    for loaded in leaves:
        runner = runners.get(loaded.name)
        scored = runner.finish() if runner is not None else nothing_answered(loaded)
        found.scores[loaded.name], found.coverage[loaded.name] = scored


def _write(evaluation: Evaluation, found: _Found, facts: dict[str, Any], started: float) -> None:
    in_full = [leaf for name, leaves in _asked_together(evaluation) if name not in found.early for leaf in leaves]
    partial = any(found.coverage[leaf.name].done < found.coverage[leaf.name].total for leaf in in_full)
    evaluation.reporter.phase("writing")
    file = write_results(
        evaluation.run,
        evaluation.plan,
        evaluation.tasks,
        found.scores,
        found.coverage,
        lm=evaluation.lm,
        facts=facts,
        started=started,
        early=found.early,
        partial=partial,
    )
    evaluation.reporter.emit(Results(file=file.name, partial=partial))


def _asked_together(evaluation: Evaluation) -> Iterator[tuple[str, list[LoadedTask]]]:
    """Leaf tasks one by one; those of a group at once when it may stop early, since its documents are then mixed."""
    tasks = {loaded.name: loaded for loaded in evaluation.tasks.tasks}
    if evaluation.plan.decide_early is None:
        yield from ((name, [loaded]) for name, loaded in tasks.items())
        return
    for name, leaves in evaluation.plan.leaves.items():
        if together := [tasks.pop(leaf) for leaf in leaves if leaf in tasks]:
            yield name, together
    yield from ((name, [loaded]) for name, loaded in tasks.items())


def _ask(evaluation: Evaluation, name: str, runners: dict[str, TaskRun]) -> EarlyStop | None:
    """Have the model answer these tasks; the decision when it stopped before their end."""
    plan = evaluation.plan
    if plan.decide_early is not None:
        from benchtui.worker.decide_early import ask_until_decided, base_scores

        base = base_scores(evaluation.run, plan, list(runners))
        if base is not None:
            return ask_until_decided(name, runners, base, plan, evaluation.reporter)
        evaluation.reporter.warn(
            f"{name} cannot stop early: the base run has no complete scores between 0 and 1 on it.",
            "All its documents are evaluated.",
        )
    for runner in runners.values():
        runner.ask()
    return None


def _bind_journal(evaluation: Evaluation, facts: dict[str, Any]) -> None:
    journal, plan = evaluation.journal, evaluation.plan
    if journal.salvaged:
        evaluation.reporter.warn(journal.salvaged, "What was lost is asked again.")
    tasks = {
        f"{task} {name}": value for task, settings in plan.task_settings().items() for name, value in settings.items()
    }
    made = {"dtype in use": facts["dtype"]} if "dtype" in facts else {}
    journal.bind({**plan.score_settings(), **tasks, **made, "fingerprint": plan.fingerprint})


def _plan_tasks(evaluation: Evaluation) -> None:
    planned = [
        PlannedTask(loaded.name, loaded.documents, 0, evaluation.journal.count(loaded.name), loaded.kind)
        for loaded in evaluation.tasks.tasks
    ]
    for start in range(0, len(planned), PLANNED_AT_ONCE):
        evaluation.reporter.emit(Planned(tasks=planned[start : start + PLANNED_AT_ONCE]))
