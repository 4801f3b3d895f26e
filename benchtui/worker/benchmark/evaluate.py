"""One run, task by task: ask what is not yet answered, journal, score, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from lm_eval.loggers.utils import add_tokenizer_info

from benchtui.errors import BenchtuiError
from benchtui.evidence.records import EARLY_ALPHA
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import EarlyStop
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Results
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask
from benchtui.runs.task_data import read_data
from benchtui.worker.benchmark.scoring import TaskScores
from benchtui.worker.benchmark.task_run import TaskRun, nothing_answered
from benchtui.worker.benchmark.tasks import LoadedTask, LoadedTasks
from benchtui.worker.benchmark.units import Unit, units
from benchtui.worker.benchmark.write import TaskCoverage, write_results
from benchtui.worker.guard import StopFlag, StopRequested
from benchtui.worker.report import Reporter

_FACTS, _TOKENIZER = "facts of the worker", "facts of the tokenizer"

PLANNED_AT_ONCE = 200
"""Tasks in one event, which has a greatest length."""


@dataclass
class Evaluation:
    """What one run needs while it is evaluated: its plan, where it writes, and the model (None to score only).

    `facts` are the worker's own choices (device, dtype), `tokenizer` what lm-eval says of the model's; without a model
    both are as the journal noted them. `turn()` is called when the worker switches to this run; while
    `answering()` is open the model answers for this run.
    `memory_share` is below 1 when an earlier worker of this run was killed because memory ran out. What has been found
    so far: `scores`, `coverage` and `health` by leaf task, `early` by unit.
    """

    run: RunDirectory
    plan: BenchmarkPlan
    tasks: LoadedTasks
    journal: Journal
    reporter: Reporter
    stop: StopFlag
    in_hand: InHandWriter
    prompter: Any
    facts: dict[str, Any]
    tokenizer: dict[str, Any] = field(default_factory=dict)
    lm: Any = None
    memory_share: float = 1.0
    turn: Callable[[], None] = lambda: None
    answering: Callable[[], AbstractContextManager[None]] = nullcontext
    started: float = field(default_factory=time.time)
    scores: dict[str, TaskScores] = field(default_factory=dict)
    coverage: dict[str, TaskCoverage] = field(default_factory=dict)
    health: dict[str, TaskHealth] = field(default_factory=dict)
    early: dict[str, EarlyStop] = field(default_factory=dict)

    @property
    def asking(self) -> bool:
        return self.lm is not None and not self.stop.requested

    def decided(self, name: str, stop: EarlyStop) -> None:
        """`name` needs no more documents; noted down for whoever has to score the journal without a model."""
        self.early[name] = stop
        self.journal.note(_early_note(name), msgspec.to_builtins(stop))


def evaluate(evaluation: Evaluation) -> None:
    """Evaluate (or, without a model, only score) every task and write the result files.

    Told to stop, it writes partial results of what is answered, then raises StopRequested. Raises BenchtuiError,
    OSError or sqlite3.OperationalError (a full disk).
    """
    begin(evaluation)
    together = asked_together(evaluation)
    for unit in together:
        runners = take_up(evaluation, unit.leaves)
        if evaluation.asking:
            with suppress(StopRequested):
                _ask(evaluation, unit, runners, alpha_of_each(together))
        score(evaluation, unit.name, unit.leaves, runners)
    conclude(evaluation)
    evaluation.stop.check()


def begin(evaluation: Evaluation) -> None:
    """Tie the journal to what can change a score, and say what is planned."""
    evaluation.turn()
    _bind_journal(evaluation)
    for name in (*evaluation.tasks.groups, *(loaded.name for loaded in evaluation.tasks.tasks)):
        if evaluation.lm is not None:
            evaluation.journal.note(_early_note(name), None)  # it is decided anew, from the same answers
        elif (stop := evaluation.journal.noted(_early_note(name))) is not None:
            evaluation.early[name] = msgspec.convert(stop, EarlyStop)
    _plan_tasks(evaluation)


def asked_together(evaluation: Evaluation) -> list[Unit]:
    """Leaf tasks one by one; those of a group at once when it may stop early, since its documents are then mixed."""
    tasks = evaluation.tasks
    if evaluation.plan.decide_early is None and not evaluation.early:  # a base was decided by the other's plan
        return [Unit(loaded.name, (loaded,)) for loaded in tasks.tasks]
    return list(units(tasks.tasks, tasks.groups))


def alpha_of_each(together: Sequence[Unit]) -> float:
    """The chance of a wrong decision, shared between all that may be decided early."""
    return EARLY_ALPHA / max(sum(not unit.in_full for unit in together), 1)


def take_up(evaluation: Evaluation, leaves: Sequence[LoadedTask]) -> dict[str, TaskRun]:
    """Build these leaf tasks' prompts and take up their answers. Told to stop, or without a model, only those that have
    answers."""
    evaluation.turn()
    runners: dict[str, TaskRun] = {}
    with suppress(StopRequested):
        for loaded in leaves:
            evaluation.reporter.task = loaded.name
            answered = evaluation.journal.count(loaded.name)
            if answered or evaluation.asking:
                runners[loaded.name] = TaskRun(evaluation, loaded, interruptible=not answered)
    return runners


def score(evaluation: Evaluation, name: str, leaves: Sequence[LoadedTask], runners: Mapping[str, TaskRun]) -> None:
    """Score what is answered of the leaf tasks of the unit `name`."""
    evaluation.turn()
    for loaded in leaves:
        runner = runners.get(loaded.name)
        if runner is not None and (why := runner.only_chance()):  # left over from a run that stopped for it
            evaluation.reporter.warn(why, "The task is left out of the results.")
            runner = None
        scored = runner.finish(early=name in evaluation.early) if runner is not None else nothing_answered(loaded)
        evaluation.scores[loaded.name], evaluation.coverage[loaded.name] = scored
        if runner is not None:
            evaluation.health[loaded.name] = runner.health()


def conclude(evaluation: Evaluation) -> None:
    """Write the result files; raises BenchtuiError when there is nothing to write, though nobody stopped it."""
    evaluation.turn()
    evaluation.reporter.task = ""
    if evaluation.journal.damaged:
        damaged = f"{evaluation.journal.damaged} answers in the journal were damaged and did not count."
        evaluation.reporter.warn(damaged, "What is missing is asked again.")
    if any(found.documents for found in evaluation.scores.values()):
        _write(evaluation)
    elif evaluation.asking:
        raise BenchtuiError("No sample was completely answered, so there is nothing to score.", "Resume the run.")
    else:  # too early: nothing is wrong
        evaluation.reporter.warn("No sample was completely answered yet, so there is nothing to score.")


def _write(evaluation: Evaluation) -> None:
    partial = any(coverage.unanswered for coverage in evaluation.coverage.values())
    evaluation.reporter.phase("writing")
    file = write_results(
        evaluation.run,
        evaluation.plan,
        evaluation.tasks,
        evaluation.scores,
        evaluation.coverage,
        evaluation.health,
        read_data(evaluation.journal),
        facts=evaluation.facts,
        tokenizer=evaluation.tokenizer,
        started=evaluation.started,
        early=evaluation.early,
        partial=partial,
    )
    evaluation.reporter.emit(Results(file=file.name, partial=partial, early=bool(evaluation.early)))


def _ask(evaluation: Evaluation, unit: Unit, runners: Mapping[str, TaskRun], alpha: float) -> None:
    """Have the model answer these tasks, as far as it takes where that may be decided early."""
    plan = evaluation.plan
    if plan.decide_early is not None:
        from benchtui.worker.benchmark.base_side import finished_base
        from benchtui.worker.benchmark.decide_early import ask_until_decided

        base = finished_base(evaluation.run, plan, list(runners))
        if base is not None:
            if stop := ask_until_decided(unit, runners, base, plan, alpha, evaluation.reporter):
                evaluation.decided(unit.name, stop)
            return
        evaluation.reporter.warn(
            f"{unit.name} cannot stop early: the base run has no complete scores on it.",
            "All its samples are evaluated.",
        )
    for runner in runners.values():
        runner.ask()


def _bind_journal(evaluation: Evaluation) -> None:
    journal, plan = evaluation.journal, evaluation.plan
    if journal.salvaged:
        evaluation.reporter.warn(journal.salvaged, "What was lost is asked again.")
    tasks = {
        f"{task} {name}": value for task, settings in plan.task_settings().items() for name, value in settings.items()
    }
    made = {"dtype in use": evaluation.facts["dtype"]} if "dtype" in evaluation.facts else {}
    journal.bind({**plan.score_settings(), **tasks, **made, "fingerprint": plan.fingerprint})
    if evaluation.lm is None:
        used = journal.noted("dtype in use")
        evaluation.facts |= journal.noted(_FACTS) or ({"dtype": used} if used else {})
        evaluation.tokenizer |= journal.noted(_TOKENIZER) or {}
        return
    add_tokenizer_info(evaluation.tokenizer, evaluation.lm)
    journal.note(_FACTS, evaluation.facts)
    journal.note(_TOKENIZER, evaluation.tokenizer)


def _early_note(name: str) -> str:
    return f"{name} decided early"


def _plan_tasks(evaluation: Evaluation) -> None:
    planned = [
        PlannedTask(loaded.name, loaded.documents, 0, evaluation.journal.count(loaded.name), loaded.kind)
        for loaded in evaluation.tasks.tasks
    ]
    for start in range(0, len(planned), PLANNED_AT_ONCE):
        evaluation.reporter.emit(Planned(tasks=planned[start : start + PLANNED_AT_ONCE]))
