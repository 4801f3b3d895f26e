"""`benchtui hybrid sweep`: both models at every threshold, each asked once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.hybrid.report import margin_option, output_option, report
from benchtui.cli.parameters.hybrid import HybridCommand, hybrid_choice, hybrid_options
from benchtui.cli.parameters.settings import SectionedOption
from benchtui.errors import ExitCode, UsageError
from benchtui.settings.rows import SETTING, WHAT

if TYPE_CHECKING:
    from benchtui.runs.directory import RunDirectory

_NOT_HERE = (
    "threshold", "num-drafts", "defer-by", "base", "no-base", "adapter-base", "rerun-base", "decide-early",
    "decide-delta", "decide-loss", "decide-for", "repeats", "no-readme",
)  # fmt: skip
"""Settings of a run that say nothing of a sweep."""
_ALONE = ("small_only", "large_only")


def _without(command: click.Command) -> click.Command:
    """Leave out the flags that say nothing here."""
    hidden = {SETTING[name].parameter for name in _NOT_HERE if name in SETTING} | set(_ALONE)
    command.params = [parameter for parameter in command.params if parameter.name not in hidden]
    return command


@_without
@click.command("sweep", cls=HybridCommand)
@click.option(
    "--thresholds",
    cls=SectionedOption,
    section=WHAT,
    default="auto",
    show_default=True,
    metavar="X,Y|pN,…",
    help="Thresholds, or quantiles of the small model's signals on each task; auto: p10, p20 … p90. Both models alone "
    "are always evaluated too.",
)
@margin_option
@output_option
@hybrid_options
def command(thresholds: str, margin: float, output: Path | None, **values: Any) -> int:
    """Evaluate a small and a large model that answer as one at many thresholds, without computing anything twice.

    Log-likelihoods: each model reads every text once, which tells the score at every threshold. Texts: thresholds share
    the beginnings that they have in common. The scores are those of separate runs (benchtui hybrid run) at each
    threshold. What follows is printed, and again by `benchtui hybrid show`.

    \b
    benchtui hybrid sweep --small A --large B --tasks hellaswag --thresholds 0.3,0.4,0.5,0.6,0.7
    benchtui hybrid sweep --small A --large B --tasks gsm8k --strategy margin --limit 200
    """
    nowhere = {SETTING[name].parameter: SETTING[name].default for name in _NOT_HERE if name in SETTING}
    choice = hybrid_choice(nowhere | dict.fromkeys(_ALONE, False) | values)
    from benchtui.benchmark.sweep import sweep_thresholds
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.plans.sweep import read_thresholds
    from benchtui.supervise.control import Control, say_on_stderr

    read_thresholds(thresholds)
    if choice.detach and output is not None:
        raise UsageError("--output is written when the run has ended, and --detach does not wait.", "Leave one out.")
    if choice.detach and not in_background():
        return start_detached(sys.argv[1:])
    with Control(say_on_stderr) as control:
        frontend = Terminal(as_json=choice.json, resume=choice.resume)
        outcome = sweep_thresholds(choice, thresholds, frontend, control)
    if outcome.exit_code in (ExitCode.DONE, ExitCode.PARTIAL) and not choice.json:
        _report(outcome.run, margin, output)
    return outcome.exit_code


def _report(run: RunDirectory, margin: float, output: Path | None) -> None:
    """Print what was found, and write it to the file that is named."""
    from benchtui.routing.sweeps.records import SWEEP, read_sweep

    if not (run.path / SWEEP).exists():
        return
    found = read_sweep(run.path)
    report(found, margin=margin)
    if output is not None:
        report(found, margin=margin, output=output)
