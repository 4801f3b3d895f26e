"""The flags of eval_hybrid.py that are no settings of a run: where its results are written too, and what is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from benchtui.cli.parameters.hybrid import OUTPUT_DIR
from benchtui.cli.parameters.settings import SectionedOption
from benchtui.errors import UsageError
from benchtui.settings.rows import HOW, OUTPUT

F = TypeVar("F", bound=Callable[..., Any])

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _folder(_context: click.Context, _option: click.Parameter, value: str | None) -> Path | None:
    return Path(value).expanduser() if value else None


def _name(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Raise BadParameter for a name that leads elsewhere."""
    if value is not None and (value in ("", ".", "..") or set(value) & set("/\\\0")):
        raise click.BadParameter(f"{value!r} is no name of a file.", param=option)
    return value


def _list_tasks(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from benchtui.cli.tasks import command

        context.exit(context.invoke(command, query=(), kind=None, include_path=(), limit=None, as_json=False))


_OPTIONS = (
    click.option(
        "--apply-chat-template", "templated", cls=SectionedOption, section=HOW, is_flag=True,
        help="The same as --chat-template on.",
    ),
    click.option(
        OUTPUT_DIR, cls=SectionedOption, section=OUTPUT, metavar="DIR", callback=_folder,
        help="Write the results there too, as eval_hybrid.py does: one JSON file. Where the models are named --slm and "
        "--llm: ./eval_results, unless this says otherwise; '' for nowhere.",
    ),
    click.option(
        "--output-name", cls=SectionedOption, section=OUTPUT, metavar="NAME", callback=_name,
        help="The name of that file.  [default: hybrid_SMALL_vs_LARGE_STRATEGY_TASKS_TIME.json]",
    ),
    click.option(
        "--log-samples", cls=SectionedOption, section=OUTPUT, is_flag=True,
        help="Write the samples beside that file; the run has them in any case.",
    ),
    click.option(
        "--report-content", cls=SectionedOption, section=OUTPUT, is_flag=True,
        help="Have the questions and answers in that file, with tokens and seconds of each.",
    ),
    click.option(
        "--report-routing-metrics", cls=SectionedOption, section=OUTPUT, is_flag=True,
        help="Changes nothing: who wrote how much is always told.",
    ),
    click.option(
        "--verbosity", cls=SectionedOption, section=OUTPUT, type=click.Choice(_LEVELS, case_sensitive=False),
        help="Changes nothing: what the libraries say is in run/worker.log.",
    ),
    click.option(
        "--show-config", cls=SectionedOption, section=OUTPUT, is_flag=True, help="Show the settings, and run nothing.",
    ),
    click.option(
        "--list-tasks", cls=SectionedOption, section=OUTPUT, is_flag=True, is_eager=True, expose_value=False,
        callback=_list_tasks, help="List tasks, as `benchtui tasks` does, and run nothing.",
    ),
)  # fmt: skip


def seed_options(command: F) -> F:
    """Add these flags to a command."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def with_template(values: dict[str, Any]) -> dict[str, Any]:
    """Take --apply-chat-template out of the values of a command. Raises UsageError where it contradicts another."""
    values = dict(values)
    if values.pop("templated"):
        if values["chat_template"] not in ("auto", "on"):
            raise UsageError("--apply-chat-template and --chat-template contradict each other.", "Give one of them.")
        values["chat_template"] = "on"
    return values
