"""`benchtui run`: the main job, base against fine-tuned, watched from start to end."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.options import SectionedCommand, bench_options, bench_plan
from benchtui.config import load_config
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.runs.choice import BenchPlan, model_named

if TYPE_CHECKING:
    from benchtui.displays import Display
    from benchtui.models.layout import TrainedModel
    from benchtui.runs.bench import BenchOutcome, BenchRuns
    from benchtui.runs.control import Control
    from benchtui.runs.directory import RunDirectory
    from benchtui.runs.prepare import PlannedTasks
    from benchtui.runs.supervisor import SuperviseSettings


@click.command("run", cls=SectionedCommand)
@bench_options
def command(**values: Any) -> int:
    """Benchmark a trained model against its base.

    Without flags: the newest model in ./outputs, against the base its files name, on IFEval. Flags can also be set as
    BENCHTUI_<FLAG> in the environment and, except what is allowed for one run only, under [run] in benchtui.toml. The
    default of each can be typed too, to undo what they say; '' empties a text or a list.

    \b
    benchtui run                                 the newest model, suite quick
    benchtui run --suite core --timeout 30min    unattended over night
    benchtui run --tasks arc_easy,mmlu --limit 100
    """
    choice = bench_plan(values)
    from benchtui.cli.detach import in_background, start_detached

    if choice.detach and not in_background():
        return start_detached(sys.argv[1:])
    return run_choice(choice, as_json=choice.json, resume=choice.resume, readme=choice.readme)


def run_choice(choice: BenchPlan, *, as_json: bool = False, resume: bool | None = None, readme: bool = True) -> int:
    """Run what was chosen, one model after another; returns the exit code."""
    from benchtui.cli.tasks import reading_progress
    from benchtui.runs.control import Control, say_on_stderr
    from benchtui.runs.prepare import plan_tasks
    from benchtui.tasks.catalogue import load_catalogue

    models = _models(choice)
    tasks = plan_tasks(choice, load_config(), load_catalogue(choice.include_paths, reading_progress()))
    codes: list[ExitCode] = []
    with Control(say_on_stderr) as control:
        for model in models:
            if control.stop_requested:
                codes.append(ExitCode.INTERRUPTED)
                break
            try:
                codes.append(_run_model(choice, model, tasks, control, as_json=as_json, resume=resume, readme=readme))
            except BenchtuiError as error:
                if len(models) == 1:
                    raise
                _say(f"{model.name}: {error}")  # one broken folder never stops the others
                codes.append(error.exit_code)
    return max(codes, key=_severity, default=ExitCode.DONE)


def _severity(code: ExitCode) -> int:
    return [ExitCode.DONE, ExitCode.PARTIAL, ExitCode.USAGE, ExitCode.FAILED, ExitCode.INTERRUPTED].index(code)


def _models(choice: BenchPlan) -> list[TrainedModel]:
    if choice.model == "all":
        from benchtui.models.discovery import discover

        models = [model for model in discover(choice.outputs) if model.usable]
        if not models:
            raise BenchtuiError(f"No model in {choice.outputs} can be evaluated.", "`benchtui models` says why.")
        return models
    from benchtui.models.selection import find_model

    return [find_model(choice.outputs, choice.model, choice.backend)]


def _run_model(
    choice: BenchPlan,
    model: TrainedModel,
    tasks: PlannedTasks,
    control: Control,
    *,
    as_json: bool,
    resume: bool | None,
    readme: bool,
) -> ExitCode:
    from benchtui.runs.bench import lay_out, lock_model
    from benchtui.runs.prepare import prepare
    from benchtui.runs.supervisor import SuperviseSettings

    prepared = prepare(_repeatable(choice, model), model, tasks)
    with lock_model(model.path, model.name):
        runs = lay_out(prepared, rerun_base=choice.rerun_base, resume=lambda run: _may_resume(run, resume))
        for line in (*prepared.notes, *_reuse_notes(runs)):
            _say(line)
        settings = SuperviseSettings(choice.timeout, choice.skip_stalled)
        return evaluate_and_conclude(model.path, runs, settings, control, as_json=as_json, readme=readme)


def _repeatable(choice: BenchPlan, model: TrainedModel) -> BenchPlan:
    """`choice` with the command that evaluates this model in this way again, whatever is the newest one then."""
    from benchtui.wizard.command import run_arguments

    named = choice.model if choice.model not in (None, "all") else model_named(choice, model.name)
    choice = dataclasses.replace(choice, model=named)
    return dataclasses.replace(choice, command=("benchtui", "run", *run_arguments(choice)))


def evaluate_and_conclude(
    model_path: Path, runs: BenchRuns, settings: SuperviseSettings, control: Control, *, as_json: bool, readme: bool
) -> ExitCode:
    """Evaluate under a display, then report; call with the model's lock held."""
    from benchtui.cli.detach import announce_launch
    from benchtui.runs.bench import run_bench

    @contextmanager
    def watching(directories: Sequence[RunDirectory]) -> Iterator[Callable[[], None]]:
        with _display(directories, as_json=as_json, control=control) as display:

            def tick() -> None:
                announce_launch(tuple(directories))
                display.refresh()

            yield tick

    outcome = run_bench(runs, settings, control, watching)
    return conclude(model_path, outcome, as_json=as_json, readme=readme)


@contextmanager
def _display(directories: Sequence[RunDirectory], *, as_json: bool, control: Control) -> Iterator[Display]:
    from benchtui.displays import open_display
    from benchtui.runs.control import say_on_stderr

    display = open_display(directories, "json" if as_json else "auto")
    control.say = display.note
    display.start()
    try:
        yield display
    finally:
        display.stop()
        control.say = say_on_stderr


def conclude(model_path: Path, outcome: BenchOutcome, *, as_json: bool, readme: bool) -> ExitCode:
    """Write benchmark.json and the READMEs, print the comparison, say how each run ended."""
    from benchtui.results.choose import ChosenRuns
    from benchtui.results.summary import summarize, write_summary

    runs = outcome.runs
    for path, record in outcome.done.items():
        if record.status != "finished":
            _say(f"{path}: {record.status}. {record.message}")
    scored = [run for run in (runs.base, runs.fine_tuned) if run and any(run.lm_eval.glob("results_*.json"))]
    if runs.fine_tuned not in scored:
        return outcome.exit_code
    summary = write_summary(model_path)
    passed_over = next((newer for newer in summary.newer if newer.run == runs.fine_tuned), None)
    if not as_json:
        from benchtui.reports.tables import print_summary

        base = runs.base if runs.base in scored else None
        with _whether_or_not_anybody_reads():
            print_summary(summarize(model_path, ChosenRuns(base, runs.fine_tuned)) if passed_over else summary)
    if passed_over and summary.fine_tuned:
        _say(f"{passed_over} The results of the full run {summary.fine_tuned.run.name} stay those of the model.")
    if readme and passed_over:
        _say("READMEs are left as they are.")
    elif readme and runs.fine_tuned.plan().limited:
        name = runs.fine_tuned.path.name
        _say(f"READMEs are left as they are, since this run was limited; `benchtui readme --run {name}` puts it in.")
    elif readme:
        from benchtui.reports.readme import update_readmes

        for line in update_readmes(model_path, summary):
            _say(line)
    return outcome.exit_code


def _reuse_notes(runs: BenchRuns) -> list[str]:
    notes = []
    if runs.reused and runs.base:
        notes.append("Base results are reused: same model, tasks and settings (--rerun-base evaluates it again).")
    if runs.template_date:
        date = runs.template_date.replace("T", " ")
        notes.append(f"Chat template: it writes the date, and {date} is used as in the earlier run.")
    if runs.set_aside:
        notes.append(f"The earlier base run is kept in {runs.set_aside.path}.")
    from benchtui.runs.records import run_state

    unfinished = [run for run in runs.resumed if run_state(run) != "finished"]
    if len(unfinished) < len(runs.resumed):
        notes.append("The base stopped early before: its answers are kept, and only what is missing is asked.")
    if unfinished:
        names = " and ".join("the base" if run == runs.base else "the fine-tuned model" for run in unfinished)
        notes.append(f"Going on with an unfinished run of {names}: nothing answered is asked again.")
    return notes


def _may_resume(run: RunDirectory, asked: bool | None) -> bool:
    """Whether to go on with an unfinished run: as the flag says, else asked on a terminal, else yes."""
    from benchtui.runs.records import run_state

    if run_state(run) == "finished":  # a base that stopped early: its results are as good as those of a reused one
        return True
    if asked is not None:
        return asked
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    from benchtui.runs.journal import answered_requests

    plan, answered = run.plan(), answered_requests(run.journal)
    which = "the base model" if plan.role == "base" else plan.model_name
    question = f"An unfinished run of {which} from {plan.created[:16]} holds {answered} answers. Go on with it?"
    return click.confirm(question, default=True, err=True)


def _say(text: str) -> None:
    from benchtui.text import printable

    with _whether_or_not_anybody_reads():
        click.echo(printable(text), err=True)


@contextmanager
def _whether_or_not_anybody_reads() -> Iterator[None]:
    """A terminal that closed, a pipe whose reader left: the files are worth more than the words about them."""
    try:
        yield
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
