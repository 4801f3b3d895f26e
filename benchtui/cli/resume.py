"""`benchtui resume`: resume a run that died, was stopped, or finished in part."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.settings.rows import PERMISSIONS


@click.command("resume", cls=SectionedCommand)
@click.argument("run", required=False)
@setting_options(
    "outputs",
    "include-path",
    "timeout",
    "skip-stalled",
    *(row.name for row in PERMISSIONS),
    "detach",
    "json",
    "no-readme",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: str | None,
    outputs: Path | None,
    include_path: tuple[Path, ...],
    timeout: float | None,
    skip_stalled: bool,
    trust_remote_code: bool,
    allow_pickle: bool,
    confirm_unsafe_code: bool,
    detach: bool,
    json: bool,
    no_readme: bool,
) -> int:
    """Go on with an unfinished run; nothing that was answered is asked again.

    RUN is a run as `benchtui runs` names it, its folder, or a model for its newest unfinished one; without it, the
    newest unfinished run in outputs.
    A run's files may come from anybody, so code of its own tasks runs only with --include-path given again.
    """
    from benchtui.benchmark.resume import resume
    from benchtui.cli.parameters.places import outputs_folder
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.plans.plan import Permissions
    from benchtui.runs.find import find_run
    from benchtui.supervise.control import Control, say_on_stderr
    from benchtui.supervise.settings import SuperviseSettings

    if detach and not in_background():
        return start_detached(sys.argv[1:])
    unfinished = ("died", "partial", "failed", "cancelled", "timed out", "waiting")
    found = find_run(outputs_folder(outputs), run, states=unfinished if run is None else (*unfinished, "running"))
    allowed = Permissions(trust_remote_code, allow_pickle, confirm_unsafe_code)
    folders = include_path if _given(ctx, "include_path") else ()
    settings = SuperviseSettings(timeout, skip_stalled)
    with Control(say_on_stderr) as control:
        outcome = resume(found, allowed, folders, settings, Terminal(as_json=json), control, readme=not no_readme)
    return outcome.exit_code


def _given(ctx: click.Context, name: str) -> bool:
    """Whether the user gave it now: a benchtui.toml in the current folder may come with the run."""
    return ctx.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
