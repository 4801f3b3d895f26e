"""`benchtui doctor`: what would keep benchmarks from running on this machine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import ExitCode
from benchtui.text import printable

if TYPE_CHECKING:
    from benchtui.doctor.check import Check

_MARKS = {"ok": ("✓", "green"), "absent": ("–", "bright_black"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


@click.command(name="doctor", short_help="Check this machine.")
@setting_option("outputs")
@setting_option("python", "Also check the environment of this Python, for workers that are to run in it.")
@setting_option("backend", "The backend that you are about to use: what it lacks is a problem.")
@setting_option("server", "Ask this server: whether it answers, what it is, and which models it has.")
@json_option("Print a JSON list instead of lines.")
@click.pass_context
def command(
    ctx: click.Context, outputs: Path, python: str | None, backend: str, server: str | None, as_json: bool
) -> None:
    """Check this machine: Python, packages, GPU, memory, hub and cache, NLTK data, disk, and every backend.

    What only some backend needs is absent, not a problem; unless --backend names it. With --server, whether it answers.

    With --python, also what is missing in that environment, and the line that installs it.

    Exit status 0 when nothing keeps benchmarks from running, 1 otherwise.
    """
    from benchtui.doctor.backends import Wanted
    from benchtui.doctor.examine import run_checks

    checks = run_checks(outputs, python=python, wanted=Wanted(backend, server, python))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if any(check.status == "problem" for check in checks):
        ctx.exit(ExitCode.FAILED)


def _print(checks: Sequence[Check]) -> None:
    name_width = max(len(check.name) for check in checks)
    for check in checks:
        mark, colour = _MARKS[check.status]
        status = click.style(f"{mark} {check.status:<7}", fg=colour)
        click.echo(f"{status}  {check.name:<{name_width}}  {printable(check.message, 400)}")
        if check.next_step:
            click.echo(f"{'':{name_width + 13}}→ {printable(check.next_step, 400)}")
    click.echo(f"\n{_verdict(checks)}")


def _verdict(checks: Sequence[Check]) -> str:
    problems = sum(check.status == "problem" for check in checks)
    warnings = sum(check.status == "warning" for check in checks)
    if problems:
        return f"{_count(problems, 'problem')} to fix before benchmarks can run" + (
            f", and {_count(warnings, 'warning')}." if warnings else "."
        )
    return f"Ready to run, with {_count(warnings, 'warning')}." if warnings else "Ready to run."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}"
