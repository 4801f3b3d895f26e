"""`benchtui resume`: resume a run that died, was stopped, or finished in part."""

from __future__ import annotations

import sys
from typing import Any

import click
from click.core import ParameterSource

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.settings.rows import SETTINGS


@click.command("resume", cls=SectionedCommand)
@click.argument("run", required=False)
@setting_options(*(row.name for row in SETTINGS if row.at_resume))
@click.pass_context
def command(ctx: click.Context, /, run: str | None, **values: Any) -> int:
    """Resume an unfinished run; nothing that was answered is asked again.

    RUN is a run as `benchtui runs` names it, its folder, or a model for its newest unfinished one; without it, the
    newest unfinished run in outputs.
    A run's files may come from anybody, so code of its own tasks runs only with --include-path given again.
    """
    from benchtui.benchmark.as_planned import resume_as_planned
    from benchtui.benchmark.resume import resume
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.plans.choice import permissions_of
    from benchtui.runs.find import find_run
    from benchtui.runs.kinds.benchmark.kind import BENCHMARK
    from benchtui.runs.kinds.registry import kind_of
    from benchtui.supervise.control import Control, say_on_stderr
    from benchtui.supervise.settings import SuperviseSettings

    if values["detach"] and not in_background():
        return start_detached(sys.argv[1:])
    unfinished = ("died", "partial", "failed", "cancelled", "timed out", "waiting")
    found = find_run(values["outputs"], run, states=unfinished if run is None else (*unfinished, "running"))
    folders = values["include_path"] if _given(ctx, "include_path") else ()
    settings = SuperviseSettings(values["timeout"], values["skip_stalled"])
    terminal, readme = Terminal(as_json=values["json"]), not values["no_readme"]
    if found.exists() and (kind := kind_of(found)) is not BENCHMARK:
        with Control(say_on_stderr) as control:
            return resume_as_planned(found, kind, permissions_of(values), settings, terminal, control)
    with Control(say_on_stderr) as control:
        return resume(found, permissions_of(values), folders, settings, terminal, control, readme=readme).exit_code


def _given(ctx: click.Context, name: str) -> bool:
    """Whether the user gave it now: a benchtui.toml in the current folder may come with the run."""
    return ctx.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
