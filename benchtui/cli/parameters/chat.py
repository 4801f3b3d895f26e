"""The flags of `benchtui chat` that are no settings of a run, and the choice that is made of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import SectionedOption
from benchtui.errors import UsageError
from benchtui.plans.chat_choice import CHAT_SAMPLING, CHAT_SETTINGS, ChatChoice
from benchtui.plans.token_choice import OF_SAMPLING
from benchtui.routing.records import Sampling
from benchtui.settings.rows import NO_SUITE, SETTING, SETTINGS
from benchtui.text import one_line

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("markdown", "jsonl", "html")
WHO, SAID, VOTE = "Which models", "What is said without the screen", "Blind vote"
HOW, KEPT = "How they answer", "What is kept"


def _option(section: str, *names: str, help: str, **more: Any) -> Callable[[F], F]:
    return click.option(*names, cls=SectionedOption, section=section, help=help, **more)


_OPTIONS = (
    _option(WHO, "--names", metavar="A,B", help="What the models are called, in their order."),
    _option(
        WHO, "--resume", "resumed", metavar="RUN", help="Open a chat that was kept, as `benchtui runs` names it; of a "
        "model the last one.",
    ),
    _option(
        SAID, "--prompt", "prompts", multiple=True, metavar="TEXT", help="Say this and print the answers; again: as "
        "the next message. `-` is standard input.",
    ),
    _option(
        SAID, "--file", metavar="PROMPTS", help="A conversation for each line: a prompt, or in JSONL prompt or "
        "messages. `-` is standard input.",
    ),
    _option(SAID, "--plain", is_flag=True, help="Ask line by line: for terminals that cannot show a full screen."),
    _option(
        VOTE, "--blind", is_flag=True, help="Vote: two unnamed answers to each prompt (of --file, or typed), which is "
        "better? The result has an exact sign test.",
    ),
    _option(VOTE, "--votes", type=click.IntRange(1, 1_000_000), metavar="N", help="End the vote after N votes."),
    _option(HOW, "--system", metavar="TEXT", help="The system prompt."),
    _option(
        HOW, "--max-new-tokens", type=click.IntRange(1, 1 << 20), default=CHAT_SAMPLING.max_new_tokens, metavar="N",
        help=f"The most tokens of an answer. [default: {CHAT_SAMPLING.max_new_tokens:,}]",
    ),
    _option(HOW, "--stop", multiple=True, metavar="TEXT", help="An answer ends before this; may be repeated."),
    _option(
        KEPT, "--export", "format_", type=click.Choice(FORMATS), help="Write the chat when it is over; "
        "with --resume and nothing to say, as it is, without the models.",
    ),
    _option(
        KEPT, "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file for it. [default: stdout]"
    ),
)  # fmt: skip


def chat_options(command: F) -> F:
    """Add the flags that are no settings of a run."""
    command = json_option("Print a line of JSON for each answer.")(command)
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def chat_choice(models: tuple[str, ...], values: Mapping[str, Any]) -> ChatChoice:
    """Make the choice of the values of all flags. Raises UsageError for combinations that make no sense."""
    drawn = {name: values[name] for name in (SETTING[name].parameter for name in OF_SAMPLING)}
    given = {name: value for name, value in drawn.items() if value is not None}
    defaults = {row.parameter: row.default for row in SETTINGS}
    names = {SETTING[name].parameter for name in CHAT_SETTINGS} - set(drawn)
    settings = {name: value for name, value in values.items() if name in names}
    return ChatChoice(
        settings=choice_from_flags(defaults | settings | {"no_base": True, "suite": NO_SUITE}),
        models=models,
        names=tuple(name.strip() for name in values["names"].split(",")) if values["names"] else (),
        sampling=Sampling(**given, max_new_tokens=values["max_new_tokens"], stop=values["stop"]),
        system=values["system"],
        blind=values["blind"],
        prompts=_prompts(values["file"]) if values["blind"] and values["file"] is not None else (),
        prompts_file=values["file"] or "" if values["blind"] else "",
        votes=values["votes"],
    )


def _prompts(file: str) -> tuple[str, ...]:
    """Return the prompts of a blind vote. Raises UsageError for conversations of several messages."""
    from benchtui.chat.scripts import read_scripts

    scripts = read_scripts(file)
    for number, script in enumerate(scripts, 1):
        if len(script.turns) > 1 or script.system is not None:
            raise UsageError(
                f"{one_line(file, 200)}: conversation {number} is more than one message.",
                "A blind vote is on answers to single prompts; --system gives all of them a system prompt.",
            )
    return tuple(script.turns[0] for script in scripts)
