"""Opening the terminal application: the one place of this package that imports `screens`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.settings import SectionedCommand, run_options
from benchtui.cli.terminal.stray_output import stray_output_held
from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice
from benchtui.text import printable

if TYPE_CHECKING:
    from benchtui.chat.session import ChatSession
    from screens.settings import Settings

CRASHED = 1
"""What Textual returns after an error of its own or of ours."""
SHOWN = 10
"""Lines that libraries printed meanwhile: they may tell why."""


@click.command("app", cls=SectionedCommand, short_help="Open the application; flags fill in its wizard.")
@run_options
@click.option("--plain", is_flag=True, help="Ask line by line: for terminals that cannot show a full screen.")
@click.pass_context
def command(ctx: click.Context, /, plain: bool, **values: Any) -> int:
    """Open the terminal application. Flags of `benchtui run` fill in the answers of its wizard beforehand."""
    choice = choice_from_flags(values)
    if choice.model_checkpoint:  # the wizard begins with a model that is there
        from benchtui.benchmark.put_on_base import with_checkpoint

        choice = with_checkpoint(choice, lambda line: click.echo(printable(line), err=True))
    if plain:
        from benchtui.cli.terminal.plain_wizard import run_plain_wizard

        return run_plain_wizard(choice)
    given = {name for name in values if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    return open_app(choice, typed=bool(given - {"outputs", "include_path", "offline"}))


def open_app(choice: Choice, *, typed: bool = False) -> int:
    """Show the application until the user leaves; returns the exit code.

    `choice` pre-fills the wizard, which opens at once when flags were `typed`. Raises BenchtuiError where there is no
    terminal that can show it.
    """
    _check_terminal("`benchtui run` works anywhere; `benchtui app --plain` asks its questions line by line.")
    from screens.settings import Settings

    return _show(Settings(choice, typed=typed))


def open_chat(
    choice: Choice, begin: Callable[[Callable[[str], None]], ChatSession], labels: Sequence[str], *, blind: bool
) -> int:
    """Show a chat, or with `blind` a vote, which `begin` starts or opens again; otherwise as `open_app`. The chat is
    closed when this returns."""
    _check_terminal("`benchtui chat --plain` asks line by line; a vote needs a full screen.")
    from screens.settings import OpenedChat, Settings

    opened: list[ChatSession] = []

    def remembered(say: Callable[[str], None]) -> ChatSession:
        opened.append(begin(say))
        return opened[-1]

    try:
        return _show(Settings(choice, chat=OpenedChat(remembered, labels, blind)))
    finally:
        for session in opened:
            session.close()


def _check_terminal(otherwise: str) -> None:
    if not can_show():
        raise BenchtuiError("This is no terminal that can show the application.", otherwise)


def _show(settings: Settings) -> int:
    from screens.app import BenchtuiApp

    app = BenchtuiApp(settings)
    if os.environ.get("TEXTUAL_DRIVER"):  # whoever started this reads what it prints
        result = app.run()
        return app.return_code or result or 0
    with stray_output_held() as held:
        result = app.run()
        code = app.return_code or result or 0
        printed = held() if code == CRASHED else []
    for line in printed[-SHOWN:]:
        click.echo(f"printed meanwhile: {printable(line)}", err=True)
    return code


def can_show() -> bool:
    """A terminal with a cursor, or a browser behind `benchtui serve`."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return True
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))  # Textual draws on stderr
    return terminal and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
