"""`benchtui run`: the main job, base against fine-tuned, watched from start to end."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.settings import SectionedCommand, choice_from_flags, run_options
from benchtui.plans.choice import Choice, model_named
from benchtui.settings.config import load_config

if TYPE_CHECKING:
    from benchtui.benchmark.run import BenchOutcome, BenchRuns
    from benchtui.displays.display import Display
    from benchtui.models.layout import TrainedModel
    from benchtui.plans.prepare import PlannedTasks
    from benchtui.runs.directory import RunDirectory
    from benchtui.supervise.control import Control
    from benchtui.supervise.supervisor import SuperviseSettings


@click.command("run", cls=SectionedCommand)
@run_options
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
    choice = choice_from_flags(values)
    from benchtui.cli.terminal.detach import in_background, start_detached

    if choice.detach and not in_background():
        return start_detached(sys.argv[1:])
    return run_choice(choice, as_json=choice.json, resume=choice.resume, readme=choice.readme)


def run_choice(choice: Choice, *, as_json: bool = False, resume: bool | None = None, readme: bool = True) -> int:
    """Run what was chosen, one model after another; returns the exit code."""
    from benchtui.cli.tasks import reading_progress
    from benchtui.models.discovery import discover
    from benchtui.models.selection import find_model
    from benchtui.plans.prepare import plan_tasks
    from benchtui.supervise.control import Control, say_on_stderr
    from benchtui.tasks.catalogue import load_catalogue

    every = choice.model == "all"
    models = discover(choice.outputs) if every else [find_model(choice.outputs, choice.model, choice.backend)]
    tasks = plan_tasks(choice, load_config(), load_catalogue(choice.include_paths, reading_progress()))
    with Control(say_on_stderr) as control:

        def run(model: TrainedModel, evaluated: Sequence[Path]) -> BenchOutcome:
            report = Report(as_json=as_json, readme=readme, of=model.name if every else "")
            return _run_model(choice, model, tasks, control, report, resume=resume, evaluated=evaluated)

        if not every:
            return run(models[0], ()).exit_code
        from benchtui.cli.all_models import run_all

        return run_all(models, run, stop_requested=lambda: control.stop_requested, say=_say)


@dataclass(frozen=True)
class Report:
    """How a benchmark is told: `of` is the model's name, where several are evaluated and each line has to say it."""

    as_json: bool
    readme: bool
    of: str = ""

    def say(self, text: str) -> None:
        _say(f"{self.of}: {text}" if self.of else text)


def _run_model(
    choice: Choice,
    model: TrainedModel,
    tasks: PlannedTasks,
    control: Control,
    report: Report,
    *,
    resume: bool | None,
    evaluated: Sequence[Path],
) -> BenchOutcome:
    from benchtui.benchmark.run import lay_out, lock_model
    from benchtui.plans.prepare import prepare
    from benchtui.supervise.supervisor import SuperviseSettings

    if choice.verify:
        report.say("Reading all of the weight files, as --verify asks; that takes a while for a large model.")
    prepared = prepare(_repeatable(choice, model), model, tasks)
    neighbours = evaluated if choice.rerun_base else _neighbours(choice.outputs, model)
    with lock_model(model.path, model.name):
        runs = lay_out(
            prepared,
            rerun_base=choice.rerun_base,
            resume=lambda run: _may_resume(run, resume),
            neighbours=neighbours,
        )
        for line in (*prepared.notes, *(f"Warning: {words}." for words in prepared.warnings), *_reuse_notes(runs)):
            report.say(line)
        settings = SuperviseSettings(choice.timeout, choice.skip_stalled)
        return evaluate_and_conclude(model.path, runs, settings, control, report)


def _neighbours(outputs: Path, model: TrainedModel) -> list[Path]:
    """The other model folders, whose base may be the same."""
    from benchtui.runs.known import model_folders

    folders = [folder.absolute() for _, folder in model_folders(outputs)] if outputs.is_dir() else []
    return [folder for folder in folders if folder != model.path]


def _repeatable(choice: Choice, model: TrainedModel) -> Choice:
    """`choice` with the command that evaluates this model in this way again, whatever is the newest one then."""
    from benchtui.plans.command import run_arguments

    named = choice.model if choice.model not in (None, "all") else model_named(choice, model.name)
    choice = dataclasses.replace(choice, model=named)
    return dataclasses.replace(choice, command=("benchtui", "run", *run_arguments(choice)))


def evaluate_and_conclude(
    model_path: Path, runs: BenchRuns, settings: SuperviseSettings, control: Control, report: Report
) -> BenchOutcome:
    """Evaluate under a display, then report; call with the model's lock held."""
    from benchtui.benchmark.run import run_bench
    from benchtui.cli.terminal.detach import announce_launch

    @contextmanager
    def watching(directories: Sequence[RunDirectory]) -> Iterator[Callable[[], None]]:
        with _display(directories, control, report) as display:

            def tick() -> None:
                announce_launch(tuple(directories))
                display.refresh()

            yield tick

    outcome = run_bench(runs, settings, control, watching)
    conclude(model_path, outcome, report)
    return outcome


@contextmanager
def _display(directories: Sequence[RunDirectory], control: Control, report: Report) -> Iterator[Display]:
    from benchtui.displays.display import open_display
    from benchtui.supervise.control import say_on_stderr

    display = open_display(directories, "json" if report.as_json else "auto", title=report.of)
    control.say = display.note
    display.start()
    try:
        yield display
    finally:
        display.stop()
        control.say = say_on_stderr


def conclude(model_path: Path, outcome: BenchOutcome, report: Report) -> None:
    """Write benchmark.json and the READMEs, print the comparison, say how each run ended."""
    from benchtui.compare.summary import NewerSummaryError, summarize, write_summary
    from benchtui.results.choose import ChosenRuns
    from benchtui.text import one_line

    runs = outcome.runs
    for path, record in outcome.done.items():
        if record.status != "finished":
            report.say(f"{path}: {record.status}. {record.message}")
    scored = [run for run in (runs.base, runs.fine_tuned) if run and any(run.lm_eval.glob("results_*.json"))]
    if runs.fine_tuned not in scored:
        return
    try:
        summary = write_summary(model_path)
    except NewerSummaryError as error:
        report.say(str(error))
        summary = summarize(model_path)
    passed_over = next((newer for newer in summary.newer if newer.run == runs.fine_tuned), None)
    if not report.as_json:
        from benchtui.reports.tables import print_summary

        base = runs.base if runs.base in scored else None
        with _whether_or_not_anybody_reads():
            if report.of:
                click.echo(one_line(report.of))
            print_summary(summarize(model_path, ChosenRuns(base, runs.fine_tuned)) if passed_over else summary)
    if passed_over and summary.fine_tuned:
        report.say(f"{passed_over} The results of the full run {summary.fine_tuned.run.name} stay those of the model.")
    if report.readme and passed_over:
        report.say("READMEs are left as they are.")
    elif report.readme and runs.fine_tuned.plan().limited:
        name = runs.fine_tuned.path.name
        report.say(
            f"READMEs are left as they are, since this run was limited; `benchtui readme --run {name}` puts it in."
        )
    elif report.readme:
        from benchtui.reports.readme.readme import update_readmes

        for line in update_readmes(model_path, summary):
            report.say(line)


def _reuse_notes(runs: BenchRuns) -> list[str]:
    notes = []
    if runs.copied_from:
        notes.append(
            f"Base results are copied from {runs.copied_from}: same model, tasks and settings "
            "(--rerun-base evaluates it again)."
        )
    elif runs.reused and runs.base:
        notes.append("Base results are reused: same model, tasks and settings (--rerun-base evaluates it again).")
    if runs.template_date:
        date = runs.template_date.replace("T", " ")
        notes.append(f"Chat template: it writes the date, and {date} is used as in the earlier run.")
    if looked_at := runs.fine_tuned.plan().looked_at:
        notes.append(
            f"Its answers were looked at before, in {', '.join(looked_at[:3])} (--decide-early): it is judged at the "
            "1 % that those looks left."
        )
    if runs.set_aside:
        notes.append(f"The earlier base run is kept in {runs.set_aside.path}.")
    from benchtui.runs.records import run_state

    unfinished = [run for run in runs.resumed if run_state(run) != "finished"]
    if len(unfinished) < len(runs.resumed):
        notes.append("The base stopped early before: its answers are kept, and only what is missing is asked.")
    if unfinished:
        names = " and ".join("the base" if run == runs.base else "the fine-tuned model" for run in unfinished)
        notes.append(f"Resuming an unfinished run of {names}: nothing answered is asked again.")
    return notes


def _may_resume(run: RunDirectory, asked: bool | None) -> bool:
    """Whether to resume an unfinished run: as the flag says, else asked on a terminal, else yes."""
    from benchtui.runs.records import run_state

    if run_state(run) == "finished":  # a base that stopped early: its results are as good as those of a reused one
        return True
    if asked is not None:
        return asked
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    from benchtui.runs.journal.journal import answered_requests

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
