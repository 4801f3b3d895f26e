"""One model against its base: prepared, laid out, evaluated and reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchtui.benchmark.conclude import conclude
from benchtui.benchmark.directories import BenchRuns, lay_out, lock_model
from benchtui.benchmark.evaluate import BenchOutcome, evaluate
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.room import check_copies
from benchtui.models.layout import TrainedModel
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.choice import Choice, model_named
from benchtui.plans.command import run_arguments
from benchtui.plans.prepare import PreparedBench, prepare
from benchtui.plans.tasks import PlannedTasks
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import model_folders
from benchtui.runs.records import run_state
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings


def run_model(
    choice: Choice,
    model: TrainedModel,
    tasks: PlannedTasks,
    settings: SuperviseSettings,
    frontend: Frontend,
    control: Control,
    *,
    evaluated: Sequence[Path] = (),
) -> BenchOutcome:
    """Benchmark one model against its base; see `prepare_model` and `run_prepared`."""
    prepared = prepare_model(choice, model, tasks, frontend)
    return run_prepared(choice, prepared, settings, frontend, control, evaluated=evaluated)


def prepare_model(choice: Choice, model: TrainedModel, tasks: PlannedTasks, frontend: Frontend) -> PreparedBench:
    """Settle everything for one model. Raises BenchtuiError naming what is missing and the next step."""
    if choice.verify:
        frontend.say("Reading all of the weight files, as --verify asks; that takes a while for a large model.")
    return prepare(_repeatable(choice, model), model, tasks)


def run_prepared(
    choice: Choice,
    prepared: PreparedBench,
    settings: SuperviseSettings,
    frontend: Frontend,
    control: Control,
    *,
    evaluated: Sequence[Path] = (),
    laid_out: Callable[[BenchRuns], None] = lambda _: None,
) -> BenchOutcome:
    """Benchmark a model that is prepared; `laid_out` is told its runs before they are evaluated. With --rerun-base,
    only the base of a model in `evaluated`, which this command evaluated before, may be used again. Raises
    BenchtuiError where it cannot be started."""
    model = prepared.model
    check_copies(prepared, settings)
    neighbours = evaluated if choice.rerun_base else _neighbours(choice.outputs, model)
    with lock_model(model.path, model.name):
        runs = lay_out(
            prepared,
            rerun_base=choice.rerun_base,
            # A base that stopped early counts as unfinished, and its results are as good as those of a reused one.
            resume=lambda run: run_state(run) == "finished" or frontend.may_resume(run),
            neighbours=neighbours,
        )
        laid_out(runs)
        for line in (*prepared.notes, *(f"Warning: {words}." for words in prepared.warnings), *_notes(runs)):
            frontend.say(line)
        return evaluate_and_conclude(model.path, runs, settings, frontend, control, readme=choice.readme)


def evaluate_and_conclude(
    model: Path, runs: BenchRuns, settings: SuperviseSettings, frontend: Frontend, control: Control, *, readme: bool
) -> BenchOutcome:
    """Evaluate what is left of `runs`, then report; call with the lock of the folder `model` held."""

    def watching(pending: Sequence[RunDirectory]) -> AbstractContextManager[Callable[[], None]]:
        return frontend.watch(pending, control)

    outcome = evaluate(runs, settings, control, watching)
    conclude(model, outcome, frontend, readme=readme)
    return outcome


def _neighbours(outputs: Path, model: TrainedModel) -> list[Path]:
    """Return the other model folders, which may hold the same base."""
    folders = [folder.absolute() for _, folder in model_folders(outputs)] if outputs.is_dir() else []
    return [folder for folder in folders if folder != model.path]


def _repeatable(choice: Choice, model: TrainedModel) -> Choice:
    """Return `choice` with the command that evaluates this model in this way again, even when another model is the
    newest by then."""
    named = choice.model if choice.model not in (None, "all") else model_named(choice, model.name)
    choice = dataclasses.replace(choice, model=named, models_at_once="auto")
    return dataclasses.replace(choice, command=("benchtui", "run", *run_arguments(choice)))


def _notes(runs: BenchRuns) -> Iterator[str]:
    """Yield what is told before the start: which results are reused or resumed, and what follows from earlier runs."""
    if runs.copied_from:
        yield (
            f"Base results are copied from {runs.copied_from}: same model, tasks and settings "
            "(--rerun-base evaluates it again)."
        )
    elif runs.reused and runs.base:
        yield "Base results are reused: same model, tasks and settings (--rerun-base evaluates it again)."
    if runs.template_date:
        date = runs.template_date.replace("T", " ")
        yield f"Chat template: it writes the date, and {date} is used as in the earlier run."
    if looked_at := runs.fine_tuned.plan().looked_at:
        yield (
            f"Its answers were looked at before, in {', '.join(looked_at[:3])} (--decide-early): it is judged at the "
            "1 % that those looks left."
        )
    if runs.set_aside:
        yield from _changed_data(runs.set_aside.readable_plan(), runs.fine_tuned.plan())
        yield f"The earlier base run is kept in {runs.set_aside.path}."
    unfinished = [run for run in runs.resumed if run_state(run) != "finished"]
    if len(unfinished) < len(runs.resumed):
        yield "The base stopped early before: its answers are kept, and only what is missing is asked."
    if unfinished:
        names = " and ".join("the base" if run == runs.base else "the fine-tuned model" for run in unfinished)
        yield f"Resuming an unfinished run of {names}: nothing answered is asked again."


def _changed_data(earlier: BenchmarkPlan | None, now: BenchmarkPlan) -> Iterator[str]:
    """Yield a line for each task that is made of other data, or made otherwise, than when the base was evaluated."""
    for spec in now.data:
        before = earlier.task_digests.get(spec.name) if earlier else None
        if before not in (None, now.task_digests.get(spec.name)):
            yield (
                f"The data of {spec.name} changed since the base was evaluated, or are read otherwise: the base is "
                "evaluated again, and earlier runs are not compared with this one on it."
            )
