"""`benchtui pick`: which model to keep."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.options import SIZE, finite, json_option, points_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.settings.rows import MAX_LOSS
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.benchmark.serving import Served
    from benchtui.compare.leaderboard.pick.records import NoWorse, Pick


class _Loss(click.ParamType["NoWorse"]):
    """TASK:POINTS, as in ifeval:3."""

    name = "loss"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> NoWorse:
        from benchtui.compare.leaderboard.pick.records import NoWorse

        if isinstance(value, NoWorse):
            return value
        task, _, number = value.rpartition(":")
        try:
            points = float(number)
        except ValueError:
            points = math.nan
        if not task or not 0 <= points <= 100:
            self.fail(f"{one_line(value, 60)!r} is no task with points, like ifeval:3.", param, ctx)
        return NoWorse(task, points)


@click.command("pick")
@click.argument("models", metavar="[MODEL | RUN]...", nargs=-1)
@click.option(
    "--by",
    metavar="TASK",
    default="mean",
    show_default=True,
    help="The scores to go by: `mean` of all tasks, or a task.",
)
@points_option(
    "--within",
    type=click.FloatRange(0, 100),
    default=MAX_LOSS,
    show_default=True,
    help="How much worse than the best one it may be.",
)
@click.option(
    "--no-worse",
    type=_Loss(),
    metavar="TASK:POINTS",
    multiple=True,
    help="What it may have lost of a task against its base; may be repeated.",
)
@click.option("--max-size", type=SIZE, metavar="SIZE", help="The most that its weights may take on disk: 500MB, 8GB.")
@click.option(
    "--max-memory", type=SIZE, metavar="SIZE", help="The most memory that it may have taken while it answered."
)
@click.option(
    "--min-speed",
    type=click.FloatRange(min=0),
    callback=finite,
    metavar="N",
    help="The fewest tokens a second that it may have written at.",
)
@click.option("--earliest", is_flag=True, help="Keep the earliest by training step, not the smallest.")
@click.option(
    "--reference",
    metavar="NAME",
    default="base",
    show_default=True,
    help="What --no-worse is against, as for leaderboard.",
)
@json_option("Print what was found as JSON.")
@setting_option("outputs")
def command(
    models: tuple[str, ...],
    by: str,
    within: float,
    no_worse: tuple[NoWorse, ...],
    max_size: int | None,
    max_memory: int | None,
    min_speed: float | None,
    earliest: bool,
    reference: str,
    as_json: bool,
    outputs: Path,
) -> int:
    """Which model to keep: the smallest that is shown to be no worse than the best by more than --within points.

    Exit 0 when there is one, with its file and the commands that serve it; 3 when the data cannot tell; 4 when nothing
    fits: each is beyond a limit, or shown to have lost too much. Models, checkpoints, quantisations and backends are
    looked at as by `benchtui leaderboard`; bases take no part. Speed and memory are those of the machine that
    evaluated.

    \b
    benchtui pick my-model                                    its smallest quantisation that is good enough
    benchtui pick my-model --earliest --within 1              its earliest checkpoint that is
    benchtui pick --by gsm8k --no-worse ifeval:3 --max-memory 8GB

    That a model is within the margin must be shown against every other one that fits, at 5 % over all of them: with
    few samples or many models the answer is 3. In at most 5 % of cases a model is named that is truly worse by more.
    """
    from benchtui.cli.terminal.progress import counted
    from benchtui.compare.leaderboard.pick.decide import ask
    from benchtui.compare.leaderboard.pick.records import Limits, Question

    by = "mean" if by.strip().casefold() in ("mean", "mean of headline tasks") else by
    question = Question(by, within, no_worse, Limits(max_size, max_memory, min_speed), earliest)
    with counted("Comparing") as tell:
        found = ask(outputs, models, question, reference=reference, tell=tell)
    served, problem = _served(outputs, found)
    if as_json:
        _print_json(found, served, problem)
    else:
        _print(found, served, problem)
    codes = {"found": ExitCode.DONE, "cannot tell": ExitCode.PARTIAL, "nothing fits": ExitCode.GATE_NOT_MET}
    return int(codes[found.outcome])


def _served(outputs: Path, found: Pick) -> tuple[Served | None, str]:
    """Return how the model that is kept is served, or why that cannot be said."""
    if found.picked is None:
        return None, ""
    from benchtui.benchmark.serving import served

    candidate = found.candidates[found.picked]
    task = found.column.tasks[0] if found.column.tasks else found.column.task
    run = candidate.runs[task]
    try:
        return served(outputs, candidate.folder or run, run), ""
    except BenchtuiError as error:
        return None, str(error)


def _print_json(found: Pick, served: Served | None, problem: str) -> None:
    import msgspec

    from benchtui.reports.leaderboard.pick import pick_document
    from benchtui.text import json_text

    serving = msgspec.to_builtins(served) if served is not None else {"note": problem} if problem else None
    click.echo(json_text({**pick_document(found), "serve": serving}), nl=False)


def _print(found: Pick, served: Served | None, problem: str) -> None:
    from benchtui.reports.leaderboard.pick import pick_sentences, pick_table
    from benchtui.reports.stdout import stdout_console
    from benchtui.text import printable

    console = stdout_console(elsewhere=200)
    console.print(pick_table(found, console.width))
    click.echo()
    for sentence in pick_sentences(found):
        click.echo(printable(sentence))
    if served is not None:
        click.echo(f"\n{printable(served.place)}")
        if served.note:
            click.echo(printable(f"{served.note[0].upper()}{served.note[1:]}."))
        for serving in served.servings:
            click.echo(printable(f"# {serving.server}" + (f": {serving.why}" if serving.why else "")))
            if serving.command:
                click.echo(printable(serving.command))
    if problem:
        click.echo(printable(problem), err=True)
