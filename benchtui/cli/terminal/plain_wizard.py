"""`benchtui --plain`: the wizard's questions one after another, for terminals that cannot show a full screen."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.plans.choice import Choice, model_named
from benchtui.settings.setting import Question
from benchtui.text import one_line
from benchtui.wizard.options import QUESTIONS, Option

if TYPE_CHECKING:
    from benchtui.doctor.check import Check
    from benchtui.models.layout import TrainedModel
    from benchtui.wizard.backends import KnownBackend
    from benchtui.wizard.servers import Served


class _Left(Exception):  # noqa: N818 - no error: the user went away
    """Ctrl+C or end of input at a question."""


def run_plain_wizard(choice: Choice) -> int:
    """Ask, review, run in the foreground; returns the exit code. `choice` holds the answers already given.

    Raises BenchtuiError where there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise BenchtuiError("There is no terminal to ask in.", "`benchtui run` takes everything as flags.")
    try:
        choice = _ask_all(choice)
    except _Left:
        click.echo("Nothing was started.", err=True)
        return ExitCode.INTERRUPTED
    if not _confirmed(choice):
        click.echo("Nothing was started.", err=True)
        return ExitCode.DONE
    from benchtui.cli.terminal.main_job import run_on_terminal

    return run_on_terminal(choice)


def _ask_all(choice: Choice) -> Choice:
    model, choice = _ask_model(choice)
    choice = _ask_base(choice, model)
    model, choice = _ask_backend(choice, model)
    choice = _ask_suite(choice, model)
    choice = _ask_batch(choice, model)
    return _ask_timeout(choice)


def _ask_model(choice: Choice) -> tuple[TrainedModel, Choice]:
    from benchtui.backends.registry import find_backend
    from benchtui.models.listing import list_models
    from benchtui.wizard.options import FROM_SERVER, ONE_MODEL, model_options

    if choice.model == "all":
        raise UsageError(*ONE_MODEL)
    if choice.model:
        return _usable(choice)
    try:
        listed = list_models(choice.outputs, find_backend(choice.backend))
    except BenchtuiError as error:
        click.echo(error.what, err=True)
        return _ask_what_else(choice)
    if not any(item.model.usable for item in listed):
        for item in listed[:3]:
            click.echo(f"{one_line(item.model.name)}: {one_line('; '.join(item.problems), 200)}", err=True)
        return _ask_what_else(choice)
    named = _select("model", [*model_options(listed), *_server_option(choice)], None)
    if named == FROM_SERVER:
        return _ask_backend(choice, None)
    return _usable(replace(choice, model=model_named(choice, named)))


def _usable(choice: Choice) -> tuple[TrainedModel, Choice]:
    from benchtui.wizard.backends import known_backends, usable_model, with_backend_for

    known = known_backends(choice)
    model = usable_model(choice, str(choice.model), known)
    return model, with_backend_for(model, choice, known)


def _server_option(choice: Choice) -> list[Option]:
    from benchtui.wizard.backends import known_backends
    from benchtui.wizard.options import server_option

    return server_option([one.backend for one in known_backends(choice) if one.asks_servers])


def _ask_what_else(choice: Choice) -> tuple[TrainedModel, Choice]:
    """In a folder without models: the demo, another folder, a model named by its path or hub id, or one of a server."""
    from benchtui.demo.choice import demo_choice
    from benchtui.wizard.options import FROM_SERVER, NO_MODELS, first_options

    way = _choose(NO_MODELS, [*first_options(), *_server_option(choice)], None)
    if way == FROM_SERVER:
        return _ask_backend(choice, None)
    if way == "demo":
        return _ask_model(demo_choice())
    if way == "folder":
        typed = _text("Folder with the trained models", "", needed=True)
        return _ask_model(replace(choice, outputs=Path(typed).expanduser()))
    return _ask_model(replace(choice, model=_text("Hub id, or path of the model's folder", "", needed=True)))


def _ask_base(choice: Choice, model: TrainedModel) -> Choice:
    from benchtui.backends.registry import find_backend
    from benchtui.wizard.options import compare_options, known_base, near

    if choice.base or not choice.compare:
        return choice
    base = known_base(model, find_backend(choice.backend), choice.format)
    if _select("base", compare_options(base), "compare") == "alone":
        return replace(choice, compare=False)
    known = near(base.name) if base else ""
    typed = _text("Base model: a hub id or a folder", known, needed=True)
    return replace(choice, base=typed if typed != known else None)


def _ask_backend(choice: Choice, model: TrainedModel | None) -> tuple[TrainedModel, Choice]:
    """Which backend, with which format of `model`; None: with a model that a server has."""
    from benchtui.wizard.backends import FormatOption, backend_options, known_backends, value_of
    from benchtui.wizard.pair import PAIR

    known = known_backends(choice)
    if model is not None and choice.format:
        return model, choice
    served = _ask_servers(choice, model, known, choice.server)
    while True:
        options = backend_options(model, choice, known, served)
        if model is not None and sum(not (option.why_not or option.heading) for option in options) < 2:
            return model, choice
        taken = _select("format", options, value_of(model, choice))
        option = next(option for option in options if option.value == taken)
        if option.value == PAIR:
            assert model is not None  # noqa: S101 - it is offered beside a model alone
            return model, _ask_large(choice)
        if isinstance(option, FormatOption):
            chosen = option.model or model
            assert chosen is not None  # noqa: S101 - without a model there are only those of servers
            return chosen, option.taken(choice, model)
        served = _ask_servers(choice, model, known, _text("URL of the server", choice.server or "", needed=True))


def _ask_large(choice: Choice) -> Choice:
    """The large model, the strategy and the threshold, again until both are found and fit into memory."""
    from benchtui.wizard.pair import room_of, said, strategies, with_large

    while True:
        large = _text("Large model: name, path or hub id", said(choice, "large"), needed=True)
        offered = [Option(name, name, f"The large one answers {words}.") for name, words in strategies()]
        strategy = _choose("Strategy", offered, said(choice, "strategy"))
        threshold = _text("From which threshold? A number, p70, or auto", said(choice, "threshold"))
        choice = with_large(choice, large, strategy, threshold)
        try:
            click.echo(room_of(choice), err=True)
        except BenchtuiError as error:
            click.echo(f"  {error}", err=True)
        else:
            return choice


def _ask_servers(
    choice: Choice, model: TrainedModel | None, known: Sequence[KnownBackend], server: str | None
) -> dict[str, Served]:
    """What `server` has, None: what the servers have that a backend knows on this machine."""
    import threading

    from benchtui.wizard.servers import ask_servers, with_facts

    backends = {one.name: one.backend for one in known if one.asks_servers}
    if server:
        click.echo(f"Asking {one_line(server, 100)} … (Ctrl+C stops it)", err=True)
    access = {one.name: replace(one.access, server=server) for one in known}
    served = ask_servers(backends, choice.outputs, access, threading.Event())
    return {name: with_facts(backends[name], found, model, access[name]) for name, found in served.items()}


def _ask_suite(choice: Choice, model: TrainedModel) -> Choice:
    from benchtui.settings.config import load_config
    from benchtui.settings.rows import NO_SUITE
    from benchtui.tasks.suites import offered_suites
    from benchtui.wizard.estimate import earlier_speeds, estimates
    from benchtui.wizard.options import OWN_DATA, suite_options

    if choice.tasks:
        return choice
    known = offered_suites(load_config().suites, choice.suite)
    speeds = earlier_speeds(choice.outputs, model.path.name)
    times = estimates(known, speeds, limit=choice.limit, models=2 if choice.compare else 1)
    options = suite_options(known, times, choice.data)
    if not choice.data:
        options.append(OWN_DATA)
    taken = _select("suite", options, choice.suite)
    if taken != OWN_DATA.value:
        return replace(choice, suite=taken)
    return replace(choice, suite=NO_SUITE, data=(_text("Your file, or hub:ORG/NAME", "", needed=True),))


def _ask_batch(choice: Choice, model: TrainedModel) -> Choice:
    """Not asked where only the loaded model can tell."""
    from benchtui.backends.registry import find_backend
    from benchtui.wizard.batch import suggest_batch
    from benchtui.wizard.options import batch_options, known_base

    suggestion = suggest_batch(choice, model, known_base(model, find_backend(choice.backend), choice.format))
    if suggestion.model_decides:
        return choice
    taken = _select("batch", batch_options(suggestion, choice.batch_size), str(choice.batch_size))
    return replace(choice, batch_size="auto" if taken == "auto" else int(taken))


def _ask_timeout(choice: Choice) -> Choice:
    from benchtui.durations import duration_words, parse_duration

    while True:
        before = duration_words(choice.timeout) if choice.timeout else ""
        typed = _text("End a run that shows no sign of life for (30min, 10m; empty: never)", before)
        try:
            return replace(choice, timeout=parse_duration(typed) if typed else None)
        except UsageError as error:
            click.echo(f"  {error}", err=True)


def _confirmed(choice: Choice) -> bool:
    from benchtui.plans.command import command_line, other_settings
    from benchtui.text import printable
    from benchtui.wizard.preflight import preflight, refusal

    click.echo("Checking …", err=True)
    checks = preflight(choice)
    for check in checks:
        _show_check(check)
    if others := other_settings(choice):
        click.echo(printable("Also set: " + "  ".join(others), 2000), err=True)
    click.echo(f"\n$ {printable(command_line(choice))}\n", err=True)
    if refusal(checks) is not None:
        return False
    import questionary

    return bool(questionary.confirm("Start?", default=True).ask())


def _show_check(check: Check) -> None:
    from benchtui.reports.wording.glyphs import CHECKED
    from benchtui.text import printable

    click.echo(f"{CHECKED[check.status]} {check.name}: {printable(check.message, 300)}", err=True)
    if check.next_step and check.status != "ok":
        click.echo(f"  → {printable(check.next_step, 300)}", err=True)


def _select(question: Question, options: Sequence[Option], before: str | None) -> str:
    return _choose(QUESTIONS[question][1], options, before)


def _choose(words: str, options: Sequence[Option], before: str | None) -> str:
    """The value of the answer. Raises BenchtuiError when none can be chosen."""
    import questionary

    usable = [option for option in options if not option.why_not and not option.heading]
    if not usable:
        reasons = "; ".join(f"{option.title}: {option.why_not}" for option in options if option.why_not)
        raise BenchtuiError(f"There is nothing to choose from. {reasons}".strip(), "`benchtui models` says more.")
    advised = [option for option in usable if option.recommended] or usable
    chosen = next((option for option in usable if option.value == before), advised[0])
    choices: list[Any] = [
        questionary.Separator(_heading(option))
        if option.heading
        else questionary.Choice(_line(option), value=option.value, disabled=_reason(option))
        for option in options
    ]
    answer = questionary.select(
        words, choices, default=chosen.value, instruction="(arrows, Enter)", use_shortcuts=False
    ).ask()
    if answer is None:
        raise _Left
    return str(answer)


def _heading(option: Option) -> str:
    words = option.why_not or option.about
    return _wrapped(f"{option.title} ({option.beside}): {words}" if option.title else f"  {words}", 5)


def _line(option: Option) -> str:
    beside = f"  {option.beside}" if option.beside else ""
    advised = "  (recommended)" if option.recommended and not option.why_not else ""
    about = f"\n      {_wrapped(option.about, 6)}" if option.about and not option.why_not else ""
    return f"{option.title}{beside}{advised}{about}"


def _reason(option: Option) -> str | None:
    """Why it cannot be chosen; questionary writes it behind the answer, in brackets."""
    return _wrapped(option.why_not, 6, before=len(option.title) + 6) if option.why_not else None


def _wrapped(words: str, indent: int, before: int = 0) -> str:
    """`words` in lines that the terminal has room for, since what is beyond its edge is not shown. The first line
    begins at column `before`, the others at `indent`."""
    room = max(shutil.get_terminal_size().columns - 4, 20)
    lines = textwrap.wrap(
        words, room, initial_indent=" " * (before or indent), subsequent_indent=" " * indent, break_on_hyphens=False
    )
    return "\n".join(lines).lstrip(" ")


def _text(question: str, before: str, *, needed: bool = False) -> str:
    import questionary

    answer = questionary.text(
        question, default=before, validate=lambda typed: bool(typed.strip()) or not needed or "Type something."
    ).ask()
    if answer is None:
        raise _Left
    return str(answer).strip()
