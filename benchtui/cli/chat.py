"""`benchtui chat`: talk with one to four models that answer side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from benchtui.cli.parameters.chat import chat_choice, chat_options
from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.errors import UsageError
from benchtui.plans.chat_choice import CHAT_SETTINGS, ChatChoice

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
@click.pass_context
def command(ctx: click.Context, /, models: tuple[str, ...], as_json: bool, plain: bool, **values: Any) -> int:
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
    _check(ctx, models, values)
    resumed, format_, output = values["resumed"], values["format_"], values["output"]
    asked = not values["blind"] and (resumed is None or format_ is None)
    said = () if values["blind"] else _said(values["prompts"], values["file"], asked=asked)
    if resumed is not None and format_ is not None and not said:
        return _export_kept(values["outputs"], resumed, format_, output)
    choice = chat_choice(models or (() if resumed is not None else _default_models(values)), values)
    run = None if resumed is None else _kept(values["outputs"], resumed)
    kept = None if run is None else _plan(run)
    begin = partial(_begin, choice, run, partial(_changed, ctx, choice))
    from benchtui.cli.terminal.script_chat import Printed, talk_by_line, talk_by_script

    printed = Printed(as_json, format_, output)
    if kept is not None and kept.blind and (said or plain or as_json):
        raise UsageError("A blind vote is held on a screen.", "Leave out everything but --resume.")
    if kept is not None and kept.blind and any(_typed(ctx, name) for name in _OF_ANSWERS):
        raise UsageError("All answers of a blind vote are written alike.", "Leave out everything but --resume.")
    if said:
        return talk_by_script(partial(begin, _say), said, printed)
    if plain or as_json:
        return talk_by_line(partial(begin, _say), printed)
    from benchtui.cli.app import open_chat

    labels = choice.names or choice.models if kept is None else tuple(model.label for model in kept.models)
    return open_chat(choice.settings, begin, labels, blind=choice.blind if kept is None else kept.blind)


def _check(ctx: click.Context, models: tuple[str, ...], values: dict[str, Any]) -> None:
    """Raise UsageError for flags that contradict each other."""
    if values["output"] is not None and values["format_"] is None:
        raise UsageError("--output says where a chat is exported to, and not as what.", "Give --export as well.")
    if values["prompts"] and values["file"] is not None:
        raise UsageError("--prompt and --file both say what is said.", "Give one of them.")
    if values["votes"] is not None and not values["blind"]:
        raise UsageError("--votes says when a blind vote ends, and this is none.", "Give --blind as well.")
    if values["blind"] and any(_typed(ctx, name) for name in ("prompts", "as_json", "format_", "plain")):
        raise UsageError("A blind vote is held on a screen.", "Leave out --prompt, --json, --plain and --export.")
    if values["resumed"] is None:
        return
    if models:
        raise UsageError("--resume opens the models that the chat has.", "Leave the names of models out.")
    for option in ctx.command.params:
        name = option.name or ""
        if _typed(ctx, name) and name not in (*_WITH_RESUME, *_OF_ANSWERS):
            raise UsageError(f"{option.opts[0]} is what the chat was begun with.", "Leave it out, or begin a new chat.")


_WITH_RESUME = (
    "outputs", "timeout", "python", "trust_remote_code", "allow_pickle", "resumed", "prompts", "file", "as_json",
    "plain", "format_", "output",
)  # fmt: skip
_OF_ANSWERS = ("system", "temperature", "top_k", "top_p", "min_p", "max_new_tokens", "stop", "seed")
"""Flags that say how a chat that is opened again answers from now on."""


def _changed(ctx: click.Context, choice: ChatChoice, session: ChatSession) -> None:
    """Change how a kept chat answers, where flags say so."""
    import msgspec

    conversation = session.conversation
    said = {name: getattr(choice.sampling, name) for name in _OF_ANSWERS[1:-1] if _typed(ctx, name)}
    if _typed(ctx, "seed"):
        said["seed"] = choice.settings.seeds[2]
    system = choice.system if _typed(ctx, "system") else conversation.system
    if said or system != conversation.system:
        session.change(msgspec.structs.replace(conversation.sampling, **said), system)


def _typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


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


def _begin(
    choice: ChatChoice,
    run: RunDirectory | None,
    change: Callable[[ChatSession], None],
    say: Callable[[str], None],
) -> ChatSession:
    """Open a new chat, or the one that was kept, which `change` may change."""
    if run is None:
        from benchtui.chat.start import start_chat

        return start_chat(choice, say)
    from benchtui.chat.resume import open_again

    session = open_again(run, choice.settings, say)
    change(session)
    return session


def _kept(outputs: Path, name: str) -> RunDirectory:
    from benchtui.chat.listing import find_chat

    return find_chat(outputs, name)


def _plan(run: RunDirectory) -> ChatPlan:
    from benchtui.chat.listing import chat_plan

    return chat_plan(run)


def _say(line: str) -> None:
    from benchtui.text import printable

    click.echo(printable(line), err=True)


def _export_kept(outputs: Path, name: str, format_: ChatFormat, output: Path | None) -> int:
    """Write a chat as it is, without its models."""
    from benchtui.cli.terminal.written import write_out
    from benchtui.compare.votes import votes_file
    from benchtui.reports.chat.export import chat_text
    from benchtui.runs.kinds.chat.conversation import read_conversation
    from benchtui.runs.outcome import as_argument

    run = _kept(outputs, name)
    plan = _plan(run)
    if plan.blind and not votes_file(run).exists():
        raise UsageError(
            "That blind vote is not over, and its export says who wrote what.",
            f"End it first: benchtui chat --resume {as_argument(name)}",
        )
    conversation = read_conversation(run, len(plan.models), plan.sampling, plan.system)
    write_out(chat_text(plan, conversation, format_), output)
    return 0
