"""The main job: from what the user chose to plans, runs and an outcome, for one model or for all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchtui.backends.access import Access
from benchtui.backends.registry import find_backend
from benchtui.benchmark.all_models import run_all
from benchtui.benchmark.conclude import conclude
from benchtui.benchmark.directories import BenchRuns, lay_out, lock_model
from benchtui.benchmark.evaluate import BenchOutcome, evaluate
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.put_on_base import with_checkpoint
from benchtui.errors import ExitCode, UsageError
from benchtui.models.discovery import discover
from benchtui.models.layout import TrainedModel
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.choice import Choice, access_of, model_named
from benchtui.plans.command import run_arguments
from benchtui.plans.devices import check_served
from benchtui.plans.prepare import prepare
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.reports.own_data import about_tasks
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import model_folders
from benchtui.runs.records import run_state
from benchtui.settings.config import load_config
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings, supervise_settings
from benchtui.tasks.catalogue import load_catalogue


def run_choice(choice: Choice, frontend: Frontend, control: Control) -> ExitCode:
    """Benchmark what was chosen, one model after another; returns the exit code.

    Raises BenchtuiError where nothing can be started; of several models, one that cannot be evaluated never stops the
    others.
    """
    every, backend = choice.model == "all", find_backend(choice.backend)
    check_served(backend, choice.workers, choice.devices)
    settings = supervise_settings(
        choice.timeout,
        skip_stalled=choice.skip_stalled,
        workers=choice.workers,
        devices=choice.devices,
        device=choice.device,
    )
    choice = with_checkpoint(choice, frontend.say)
    access = access_of(choice, backend)
    models = _every_model(choice, access) if every else [backend.find(choice.outputs, choice.model, access)]
    tasks = plan_tasks(choice, load_config(), load_catalogue(choice.include_paths, frontend.reading_tasks))
    for line in about_tasks(tasks.made):
        frontend.say(line)
    if not every:
        return run_model(choice, models[0], tasks, settings, frontend, control).exit_code

    def run(model: TrainedModel, evaluated: Sequence[Path]) -> BenchOutcome:
        return run_model(choice, model, tasks, settings, frontend.about(model.name), control, evaluated=evaluated)

    return run_all(models, run, stop_requested=lambda: control.stop_requested, say=frontend.say)


def _every_model(choice: Choice, access: Access) -> list[TrainedModel]:
    """Return the models of the server where the backend asks one, else those in outputs/."""
    backend = find_backend(choice.backend)
    if "pair" in backend.takes:
        raise UsageError("Two models answer together, and --model all names every one.", "Name the small one.")
    return backend.list_models(choice.outputs, access) if backend.served else discover(choice.outputs)


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
    """Benchmark one model against its base. With --rerun-base, only the base of a model in `evaluated`, which this
    command evaluated before, may be used again. Raises BenchtuiError where it cannot be started."""
    if choice.verify:
        frontend.say("Reading all of the weight files, as --verify asks; that takes a while for a large model.")
    prepared = prepare(_repeatable(choice, model), model, tasks)
    neighbours = evaluated if choice.rerun_base else _neighbours(choice.outputs, model)
    with lock_model(model.path, model.name):
        runs = lay_out(
            prepared,
            rerun_base=choice.rerun_base,
            # A base that stopped early counts as unfinished, and its results are as good as those of a reused one.
            resume=lambda run: run_state(run) == "finished" or frontend.may_resume(run),
            neighbours=neighbours,
        )
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
    choice = dataclasses.replace(choice, model=named)
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
