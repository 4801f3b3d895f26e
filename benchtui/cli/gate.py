"""`benchtui gate`: an exit code for CI from two runs."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.options import json_option, points_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import ExitCode, UsageError
from benchtui.points import point_words
from benchtui.settings.rows import MAX_LOSS


@click.command("gate")
@click.argument("first", metavar="[MODEL | A B]", required=False)
@click.argument("second", metavar="", required=False)
@points_option(
    "--max-loss",
    type=click.FloatRange(min=0),
    help=f"The largest loss, in percentage points, that any task may show. [default: {MAX_LOSS:g}]",
)
@points_option(
    "--same-within",
    type=click.FloatRange(0, 100, min_open=True),
    help="In place of --max-loss: the largest difference, gain or loss, that any task may show.",
)
@points_option(
    "--min-gain",
    type=click.FLOAT,
    help="The least gain, in points, that the tasks named by --task must show.",
)
@click.option(
    "--task",
    "tasks",
    multiple=True,
    help="The task for --min-gain; may be repeated. Other tasks may then lack results.",
)
@json_option("Print the checks as JSON instead of one line.")
@setting_option("outputs")
def command(
    first: str | None,
    second: str | None,
    max_loss: float | None,
    same_within: float | None,
    min_gain: float | None,
    tasks: tuple[str, ...],
    as_json: bool,
    outputs: Path,
) -> int:
    """Exit 0 when the fine-tuned model lost nothing that matters, 4 when it did, 3 when the data cannot tell.

    MODEL, or one of its runs, is compared with its base (without one, the model benchmarked last), or run B with run A;
    each is named as for `benchtui compare`. A demand is met
    only when the paired samples show it at the 5 % level: with few samples the answer is 3, not 0. It is 3 as well when
    a task that the run was to answer has no result; what else the runs differ in is named.

    \b
    benchtui gate my-model --max-loss 3                  nothing lost by tuning
    benchtui gate my-model --min-gain 5 --task ifeval    and something gained
    benchtui gate A B --same-within 2                    nothing changed, as after a merge

    --same-within is met when both a gain and a loss over so many points are excluded, each at 5 %, and not met when
    either is shown. It includes that nothing more was lost, so it is given in place of --max-loss; and nothing that is
    to gain can be asked to stay the same, so not with --min-gain.
    """
    from benchtui.compare.compare import compare_runs
    from benchtui.compare.verdicts.gate import Outcome, asked_tasks, gate
    from benchtui.results.choose import places_to_compare
    from benchtui.results.read import read_run
    from benchtui.runs.directory import RunDirectory
    from benchtui.text import json_text, printable

    _check_demands(max_loss, same_within, min_gain)
    a, b, newer = places_to_compare(outputs, first, second)
    comparison = compare_runs(read_run(a), read_run(b))
    known = [row.task for row in comparison.headlines]
    _check_tasks(known, min_gain, tasks)
    run = RunDirectory(comparison.second.run)
    asked = () if tasks else asked_tasks(comparison, run.plan() if run.exists() else None)
    found = gate(
        comparison,
        max_loss=MAX_LOSS if max_loss is None else max_loss,
        same_within=same_within,
        min_gain=min_gain,
        gain_tasks=tasks or known,
        asked=asked,
    )
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


def _check_demands(max_loss: float | None, same_within: float | None, min_gain: float | None) -> None:
    if same_within is None:
        return
    if max_loss is not None:
        raise UsageError(
            "--same-within and --max-loss both say how much may be lost.",
            f"Give one of them: --same-within {same_within:g} allows no loss over {point_words(same_within)} either.",
        )
    if min_gain is not None:
        raise UsageError(
            "--same-within asks that nothing changed, --min-gain that something did.",
            "Give --max-loss with --min-gain.",
        )


def _check_tasks(known: list[str], min_gain: float | None, tasks: tuple[str, ...]) -> None:
    if tasks and min_gain is None:
        raise UsageError("--task names the task for --min-gain, which is missing.", "Add --min-gain 0.")
    for task in tasks:
        if task not in known:
            raise UsageError(f"The runs have no task {task!r} in common.", f"They have {', '.join(known) or 'none'}.")
    if min_gain is not None and not tasks and len(known) > 1:
        raise UsageError(f"--min-gain needs --task: the runs have {', '.join(known)}.", f"Add --task {known[0]}.")
