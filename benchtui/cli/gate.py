"""`benchtui gate`: an exit code for CI from two runs."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.numbers import finite
from benchtui.errors import ExitCode, UsageError
from benchtui.settings.rows import MAX_LOSS


@click.command("gate")
@click.argument("first", metavar="[MODEL | A B]", required=False)
@click.argument("second", metavar="", required=False)
@click.option(
    "--max-loss",
    type=click.FloatRange(min=0),
    default=MAX_LOSS,
    show_default=True,
    callback=finite,
    help="The largest loss, in percentage points, that any task may show.",
)
@click.option(
    "--min-gain",
    type=float,
    callback=finite,
    help="The least gain, in points, that the tasks named by --task must show.",
)
@click.option(
    "--task",
    "tasks",
    multiple=True,
    help="The task for --min-gain; may be repeated. Other tasks may then lack results.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON instead of one line.")
@click.option(
    "--outputs",
    type=click.Path(path_type=Path),
    envvar="BENCHTUI_OUTPUTS",
    help="Folder with the trained models. [default: outputs]",
)
def command(
    first: str | None,
    second: str | None,
    max_loss: float,
    min_gain: float | None,
    tasks: tuple[str, ...],
    as_json: bool,
    outputs: Path | None,
) -> int:
    """Exit 0 when the fine-tuned model lost nothing that matters, 4 when it did, 3 when the data cannot tell.

    MODEL, or one of its runs, is compared with its base (without one, the model benchmarked last), or run B with run A;
    each is named as for `benchtui compare`. A demand is met
    only when the paired samples show it at the 5 % level: with few samples the answer is 3, not 0. It is 3 as well when
    a task that the run was to answer has no result; what else the runs differ in is named.
    """
    from benchtui.cli.parameters.places import outputs_folder
    from benchtui.compare.compare import compare_runs
    from benchtui.compare.verdicts.gate import Outcome, asked_tasks, gate
    from benchtui.results.choose import places_to_compare
    from benchtui.results.read import read_run
    from benchtui.runs.directory import RunDirectory
    from benchtui.text import json_text, printable

    a, b, newer = places_to_compare(outputs_folder(outputs), first, second)
    comparison = compare_runs(read_run(a), read_run(b))
    known = [row.task for row in comparison.headlines]
    _check_tasks(known, min_gain, tasks)
    run = RunDirectory(comparison.second.run)
    asked = () if tasks else asked_tasks(comparison, run.plan() if run.exists() else None)
    found = gate(comparison, max_loss=max_loss, min_gain=min_gain, gain_tasks=tasks or known, asked=asked)
    if as_json:
        import msgspec

        click.echo(json_text(msgspec.to_builtins(found)), nl=False)
    else:
        click.echo(printable(found.reason))
        if found.about:
            click.echo(printable(found.about), err=True)
    for newer_run in newer:
        click.echo(printable(str(newer_run)), err=True)
    codes = {Outcome.MET: ExitCode.DONE, Outcome.NOT_MET: ExitCode.GATE_NOT_MET, Outcome.INCONCLUSIVE: ExitCode.PARTIAL}
    return int(codes[found.outcome])


def _check_tasks(known: list[str], min_gain: float | None, tasks: tuple[str, ...]) -> None:
    if tasks and min_gain is None:
        raise UsageError("--task names the task for --min-gain, which is missing.", "Add --min-gain 0.")
    for task in tasks:
        if task not in known:
            raise UsageError(f"The runs have no task {task!r} in common.", f"They have {', '.join(known) or 'none'}.")
    if min_gain is not None and not tasks and len(known) > 1:
        raise UsageError(f"--min-gain needs --task: the runs have {', '.join(known)}.", f"Add --task {known[0]}.")
