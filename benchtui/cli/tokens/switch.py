"""`benchtui tokens switch`: two models write one text, by turns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.cli.parameters.tokens import OF_COMPARISONS, tokens_choice
from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.plans.switch_choice import DEFAULT_THRESHOLD, SwitchChoice
from benchtui.plans.token_choice import TOKEN_SETTINGS
from benchtui.routing.records import Sampling
from benchtui.tokens.modes import DivergenceKind

if TYPE_CHECKING:
    from benchtui.runs.directory import RunDirectory

WIDTH = 120
"""Columns in a pipe or a file."""
_NOT_HERE = ("prompt", "answer")
"""Settings whose flags mean a text of its own here, where no data are named."""


class _Threshold(click.ParamType[float | str]):
    """A number, at least 0, or a quantile like p95."""

    name = "threshold"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        from benchtui.routing.rules import percent_of

        try:
            number = float(value)
        except ValueError:
            try:
                percent_of(value)
            except ValueError as error:
                self.fail(f"{error}.", param, ctx)
            return str(value)
        if not 0 <= number < float("inf"):
            self.fail(f"{value} is not a number from 0 on.", param, ctx)
        return number


class _Block(click.ParamType[int | Literal["auto"]]):
    """A number of tokens, or auto."""

    name = "block"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        if value == "auto":
            return "auto"
        number: int = click.IntRange(1, 4096).convert(value, param, ctx)
        return number


@click.command("switch", cls=SectionedCommand)
@click.argument("models", nargs=-1, metavar="A B")
@click.option(
    "--prompt",
    "prompt_text",
    metavar="TEXT",
    help="Write behind this prompt. With --data: the column that is asked, or a template.",
)
@click.option(
    "--answer", "answer_text", metavar="COLUMN", help="With --data: the column, or template, with the right answer."
)
@click.option("--tasks", "task_names", metavar="A,B", help="Write behind the prompts of lm-eval's tasks.")
@click.option("--chat", is_flag=True, help="--prompt is what a user says: put it into the chat template.")
@click.option("--names", metavar="A,B", help="What the models are called, in their order.")
@click.option(
    "--divergence",
    type=click.Choice(get_args(DivergenceKind)),
    default="js",
    show_default=True,
    help="How far apart two distributions are. kl: KL(A‖B); kl-reverse: KL(B‖A).",
)
@click.option(
    "--threshold",
    type=_Threshold(),
    default=DEFAULT_THRESHOLD,
    show_default=True,
    metavar="X|pN",
    help="Above it B writes. p95: the 95 % quantile of the divergences in texts that the first of both writes alone.",
)
@click.option(
    "--back", type=click.FloatRange(0), metavar="X", help="Below it A writes again. [default: half of --threshold]"
)
@click.option(
    "--min-stay",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Tokens written after a switch before the next. [default: 1]",
)
@click.option("--start", type=click.Choice(["a", "b"]), default="a", show_default=True, help="Who begins.")
@click.option(
    "--block",
    type=_Block(),
    default="auto",
    show_default=True,
    metavar="K|auto",
    help="Tokens that one model writes before the other reads them: changes what it costs, and no text.",
)
@click.option(
    "--max-new-tokens",
    type=click.IntRange(1, 1 << 20),
    default=Sampling().max_new_tokens,
    metavar="N",
    help=f"The most tokens of a text. [default: {Sampling().max_new_tokens}]",
)
@click.option("--stop", multiple=True, metavar="TEXT", help="A text ends before this; may be repeated.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Copy the result to this file too.")
@setting_options(*(name for name in TOKEN_SETTINGS if name not in _NOT_HERE))
def command(
    models: tuple[str, ...],
    divergence: DivergenceKind,
    threshold: float | str,
    back: float | None,
    min_stay: int,
    start: Literal["a", "b"],
    block: int | Literal["auto"],
    output: Path | None,
    **values: Any,
) -> int:
    """Let models A and B write one text by turns: at each token, B writes where the two are far apart, and A again
    where they are near.

    This shows where a text needs the other model. It saves no time: both compute every token. Models are named as for
    `benchtui tokens compare`; both must have the same tokenizer, and fit into memory together (a base and its adapter
    share their weights). The result is switching.json in the folder of the run, in the words of RL_onoff's
    switch_generate, with the cost in calls and positions of each model.

    \b
    benchtui tokens switch base my-model --prompt "Natalia sold 48 clips." --threshold 0.1
    benchtui tokens switch base my-model --tasks gsm8k --limit 20 --threshold p95 --output switching.json
    benchtui tokens switch my-model other-model --data questions.jsonl --temperature 0.7 --seed 1
    """
    if values["answer_text"] is not None and not values["data"]:
        raise UsageError("--answer says which column of --data has the right answers.", "Give --data, or leave it out.")
    tokens = tokens_choice(models, OF_COMPARISONS | {"mode": "own"} | values)
    choice = SwitchChoice(tokens, divergence, threshold, back, min_stay, start, block)
    from benchtui.benchmark.switching import switch_models
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.plans.switch_choice import check_choice
    from benchtui.supervise.control import Control, say_on_stderr

    check_choice(choice)
    settings = tokens.settings
    if settings.detach and output is not None:
        raise UsageError("--output is written when the run has ended, and --detach does not wait.", "Leave one out.")
    if settings.detach and not in_background():
        return start_detached(sys.argv[1:])
    with Control(say_on_stderr) as control:
        frontend = Terminal(as_json=settings.json, resume=settings.resume)
        outcome = switch_models(choice, frontend, control)
    if outcome.exit_code in (ExitCode.DONE, ExitCode.PARTIAL):
        _report(outcome.run, output, as_json=settings.json)
    return outcome.exit_code


def _report(run: RunDirectory, output: Path | None, *, as_json: bool) -> None:
    """Print what was written, unless events are printed, and copy the file where one is named."""
    from benchtui.files import read_regular, write_run_file
    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.switching import print_switching
    from benchtui.routing.switching_file import FILE, FOLDER, LARGEST, read_switching

    path = run.path / FOLDER / FILE
    if not path.exists():
        return
    if not as_json:
        print_switching(read_switching(path), stdout_console(elsewhere=WIDTH))
        click.echo(f"Written: {path}", err=True)
    if output is not None:
        try:
            write_run_file(output, read_regular(path, LARGEST))
        except OSError as error:
            raise BenchtuiError(
                f"{output} cannot be written: {error.strerror or error}.", f"The result is in {path}."
            ) from None
        click.echo(f"Written: {output}", err=True)
