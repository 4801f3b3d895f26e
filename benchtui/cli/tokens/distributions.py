"""`benchtui tokens distributions`: what a model would write at every token of answers, as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.cli.parameters.tokens import RUN_SETTINGS, run_choice, run_options
from benchtui.errors import BenchtuiError, ExitCode, UsageError

LIKELIEST = 1000


@click.command("distributions", cls=SectionedCommand)
@click.argument("model")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write.")
@click.option(
    "--top-k", "likeliest", default=str(LIKELIEST), metavar="K|full", help="How many of the likeliest tokens, or full: "
    f"the whole vocabulary. [default: {LIKELIEST}]",
)  # fmt: skip
@run_options
@setting_options(*(name for name in RUN_SETTINGS if name != "top-k"))
def command(model: str, output: Path, likeliest: str, **values: Any) -> int:
    """Write the distribution of the next token at every token of answers, by MODEL.

    The answers are those of your own data (--data: question and solution), of tasks, of a prompt (--prompt, --answer),
    or with --mode own what the model writes. In the folder are then distributions.json (texts, tokens, entropies in
    nats) and distributions.npz, which has for text i the arrays dist_i_indices (int32, tokens x k), dist_i_values
    (probabilities at temperature 1), dist_i_vocab_size and dist_i_top_k. The size is told before the model reads, and
    refused above --largest.

    \b
    benchtui tokens distributions my-model --data questions.jsonl --output distributions
    benchtui tokens distributions my-model --prompt "2 + 2 =" --answer " 4" --top-k full --output distributions
    """
    keep: dict[str, Any] = {"keep": "full"} if likeliest == "full" else {"keep": "topk", "keep_top": _count(likeliest)}
    choice = run_choice((model,), values | keep)
    from benchtui.benchmark.tokens import compare_tokens
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.reports.tokens.seed_distributions import write_distributions
    from benchtui.results.tokens import read_tokens
    from benchtui.supervise.control import Control, say_on_stderr

    with Control(say_on_stderr) as control:
        outcome = compare_tokens(choice, Terminal(resume=choice.settings.resume), control)
    if outcome.exit_code != ExitCode.DONE:
        return int(outcome.exit_code)
    try:
        written = write_distributions(read_tokens(outcome.run.path).store, 0, output, choice.largest)
    except OSError as error:
        raise BenchtuiError(
            f"{output} cannot be written: {error.strerror or error}.", "Give --output another place."
        ) from None
    for place in written:
        click.echo(f"Written: {place}", err=True)
    return int(ExitCode.DONE)


def _count(typed: str) -> int:
    if typed.isascii() and typed.isdigit() and 0 < int(typed[:7]) <= 1 << 16:
        return int(typed)
    raise UsageError(f"--top-k {typed[:40]!r} is no number of tokens.", "Give a number from 1 to 65536, or full.")
