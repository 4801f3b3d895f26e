"""`benchtui resume`: resume a run that died, was stopped, or finished in part."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.settings.rows import SETTINGS

if TYPE_CHECKING:
    from benchtui.runs.directory import RunDirectory


@click.command("resume", cls=SectionedCommand)
@click.argument("run", required=False)
@setting_options(*(row.name for row in SETTINGS if row.at_resume))
@click.pass_context
def command(ctx: click.Context, /, run: str | None, **values: Any) -> int:
    """Resume an unfinished run; nothing that was answered is asked again.

    RUN is a run as `benchtui runs` names it, its folder, or a model for its newest unfinished one; without it, the
    newest unfinished run in outputs. A chat opens on its page; in a script its unfinished answers are written.
    A run's files may come from anybody, so code of its own tasks runs only with --include-path given again, and
    another Python only with --python.
    """
    from benchtui.benchmark.resume import ResumeChoice, resume
    from benchtui.cli.app import can_show
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.plans.choice import permissions_of
    from benchtui.runs.find import find_run
    from benchtui.runs.kinds.chat.kind import CHAT
    from benchtui.runs.kinds.registry import kind_of
    from benchtui.supervise.control import Control, say_on_stderr
    from benchtui.supervise.settings import supervise_settings

    if values["detach"] and not in_background():
        return start_detached(sys.argv[1:])
    unfinished = ("died", "partial", "failed", "cancelled", "timed out", "waiting")
    found = find_run(values["outputs"], run, states=unfinished if run is None else (*unfinished, "running"))
    if not (values["json"] or values["detach"] or in_background()) and can_show() and kind_of(found) is CHAT:
        return _talk(found, values)
    folders = values["include_path"] if _given(ctx, "include_path") else ()
    settings = supervise_settings(
        values["timeout"],
        skip_stalled=values["skip_stalled"],
        workers=values["workers"],
        devices=values["devices"],
        cluster=values["cluster"],
        model_parallel=values["model_parallel"],
    )
    choice = ResumeChoice(
        permissions_of(values),
        settings,
        folders,
        values["python"],
        readme=not values["no_readme"],
        devices=values["devices"],
        model_parallel=values["model_parallel"],
    )
    with Control(say_on_stderr) as control:
        return resume(found, choice, Terminal(as_json=values["json"]), control)


def _talk(run: RunDirectory, values: dict[str, Any]) -> int:
    """Open a chat for who sits at the terminal, as `benchtui chat --resume` does; the exit code."""
    from benchtui.cli.chat import command as chat
    from benchtui.plans.chat_choice import CHAT_SETTINGS

    rows = [row for row in SETTINGS if row.at_resume and row.name in CHAT_SETTINGS]
    said = [
        flag for row in rows if values[row.parameter] != row.default for flag in row.arguments(values[row.parameter])
    ]
    return int(chat.main([*said, "--resume", str(run.path)], standalone_mode=False))


def _given(ctx: click.Context, name: str) -> bool:
    """Whether the user gave it now: a benchtui.toml in the current folder may come with the run."""
    return ctx.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
