"""`benchtui chat`: talk with one to four models that answer side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.chat import chat_choice, chat_options
from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.errors import UsageError
from benchtui.plans.chat_choice import CHAT_SETTINGS, ChatChoice
from benchtui.runs.find import find_run

if TYPE_CHECKING:
    from benchtui.chat.scripts import Script
    from benchtui.chat.session import ChatSession
    from benchtui.plans.chat import ChatPlan
    from benchtui.reports.chat.export import ChatFormat
    from benchtui.runs.directory import RunDirectory


@click.command("chat", cls=SectionedCommand)
@click.argument("models", nargs=-1, metavar="[MODEL...]")
@chat_options
@setting_options(*CHAT_SETTINGS)
def command(models: tuple[str, ...], as_json: bool, **values: Any) -> int:
    """Talk with one to four MODELs: all answer the same message, side by side.

    A MODEL is a name in outputs, NAME:FORMAT, a path, a GGUF file or a Hub id; base means the base of the first
    trained one. BACKEND:MODEL opens one by another backend, for example ollama:my-model. Without any, the newest
    trained model and its base answer. An adapter and its base share one set of weights.

    On a terminal a screen opens. With --prompt or --file, or where text comes through a pipe, nothing is asked:
    answers are printed, of one model as they are written. Each chat is kept in chats/ of the first model, and
    --resume opens it again, after a crash too. Models take the likeliest token unless --temperature says otherwise.

    \b
    benchtui chat base my-model
    benchtui chat my-model --prompt "Who wrote Faust?" --prompt "When?"
    benchtui chat base my-model --file prompts.txt --json > answers.jsonl
    git diff | benchtui chat my-model --system "Write a commit message." --prompt -
    benchtui chat my-model --temperature 0.8 --top-p 0.95 --seed 7
    benchtui chat base my-model --blind --file prompts.txt --votes 30
    benchtui chat --resume my-model --export html --output chat.html

    Exit codes of scripts: 0 all models answered · 1 none did · 3 some failed · 130 interrupted.
    """
    _check(models, values)
    resumed, format_, output, blind = values["resumed"], values["format_"], values["output"], values["blind"]
    said = () if blind else _said(values["prompts"], values["file"], asked=resumed is None or format_ is None)
    if resumed is not None and format_ is not None and not said:
        return _export_kept(values["outputs"], resumed, format_, output)
    choice = chat_choice(models or (() if resumed is not None else _default_models(values)), values)
    run = None if resumed is None else find_run(values["outputs"], resumed)
    if blind or (not said and run is not None and _plan(run).blind):
        from benchtui.cli.app import open_vote

        return open_vote(choice.settings, partial(_begin, choice, run), _labels(choice, run))
    from benchtui.cli.terminal.script_chat import Printed, talk_by_line, talk_by_script

    opened, printed = partial(_begin, choice, run, _say), Printed(as_json, format_, output)
    return talk_by_script(opened, said, printed) if said else talk_by_line(opened, printed)


def _check(models: tuple[str, ...], values: dict[str, Any]) -> None:
    """Raise UsageError for flags that contradict each other."""
    if values["output"] is not None and values["format_"] is None:
        raise UsageError("--output says where a chat is exported to, and not as what.", "Give --export as well.")
    if values["resumed"] is not None and models:
        raise UsageError("--resume opens the models that the chat has.", "Leave the names of models out.")
    if values["prompts"] and values["file"] is not None:
        raise UsageError("--prompt and --file both say what is said.", "Give one of them.")
    if values["votes"] is not None and not values["blind"]:
        raise UsageError("--votes says when a blind vote ends, and this is none.", "Give --blind as well.")
    if values["blind"] and (values["prompts"] or values["as_json"] or values["format_"]):
        raise UsageError("A blind vote is held on a screen.", "Leave out --prompt, --json and --export.")
    if values["blind"] and values["resumed"] is not None:
        raise UsageError("--resume knows by itself whether a chat is a blind vote.", "Leave out --blind.")


def _said(prompts: tuple[str, ...], file: str | None, *, asked: bool) -> tuple[Script, ...]:
    """Return what is said without the screen, () where a person wants to talk. Raises UsageError where there is nothing
    to say and nobody to say it."""
    from benchtui.chat.scripts import STDIN, Script, read_message, read_scripts

    if file is not None:
        return read_scripts(file)
    if prompts:
        return (Script(tuple(read_message(text) for text in prompts)),)
    if sys.stdin.isatty() or not asked:
        return ()
    message = read_message(STDIN)
    if not message.strip():
        raise UsageError("There is nothing to say, and no terminal to ask in.", "Give --prompt TEXT or --file PROMPTS.")
    return (Script((message,)),)


def _default_models(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the newest trained model, and its base before it where one is named."""
    from benchtui.backends.registry import find_backend
    from benchtui.models.listing import list_models
    from benchtui.plans.token_choice import BASE

    backend = find_backend(values["backend"])
    if backend.served:
        raise UsageError(f"The {backend.name} backend has models of its own.", "Name one: benchtui chat MODEL")
    listed = [one for one in list_models(values["outputs"], backend) if one.model.formats]
    if not listed:
        raise UsageError(f"There is no trained model in {values['outputs']}.", "Name one: benchtui chat MODEL")
    newest = listed[0]
    return (BASE, newest.model.name) if newest.base is not None else (newest.model.name,)


def _begin(choice: ChatChoice, run: RunDirectory | None, say: Callable[[str], None]) -> ChatSession:
    """Open a new chat, or the one that was kept."""
    if run is None:
        from benchtui.chat.start import start_chat

        return start_chat(choice, say)
    from benchtui.benchmark.resume import ResumeChoice
    from benchtui.chat.resume import resume_chat_session
    from benchtui.supervise.settings import SuperviseSettings

    settings = choice.settings
    again = ResumeChoice(settings.permissions, SuperviseSettings(settings.timeout), (), settings.python)
    return resume_chat_session(run, again, say)


def _labels(choice: ChatChoice, run: RunDirectory | None) -> tuple[str, ...]:
    """Return what the models are called until the chat has begun."""
    if run is None:
        return choice.names or choice.models
    return tuple(model.label for model in _plan(run).models)


def _plan(run: RunDirectory) -> ChatPlan:
    """Return the plan of a chat. Raises BenchtuiError for a run of another kind."""
    from benchtui.plans.chat import ChatPlan
    from benchtui.plans.plan import read_plan

    return read_plan(run.plan_file, ChatPlan)


def _say(line: str) -> None:
    from benchtui.text import printable

    click.echo(printable(line), err=True)


def _export_kept(outputs: Path, name: str, format_: ChatFormat, output: Path | None) -> int:
    """Write a chat as it is, without its models."""
    from benchtui.cli.terminal.written import write_out
    from benchtui.reports.chat.export import chat_text
    from benchtui.runs.kinds.chat.conversation import read_conversation

    run = find_run(outputs, name)
    plan = _plan(run)
    conversation = read_conversation(run, len(plan.models), plan.sampling, plan.system)
    write_out(chat_text(plan, conversation, format_), output)
    return 0
