"""`benchtui tokens divergences`: how far two models are apart at every token of answers, as one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.cli.parameters.tokens import RUN_SETTINGS, run_choice, run_options
from benchtui.cli.terminal.written import write_out
from benchtui.errors import BenchtuiError, ExitCode, UsageError


@click.command("divergences", cls=SectionedCommand)
@click.argument("model_a")
@click.argument("model_b")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
@run_options
@setting_options(*RUN_SETTINGS)
def command(model_a: str, model_b: str, output: Path, **values: Any) -> int:
    """Write KL(A‖B) and JS at every token of answers, for MODEL_A and MODEL_B, as JSON.

    The answers are those of your own data (--data: question and solution), of tasks, or of a prompt (--prompt,
    --answer); both models read the same texts. The file has a summary (means of the texts' means) and for each text the
    divergences of its tokens, in nats at temperature 1, without any smoothing. The run is kept: `benchtui tokens show`
    has it in colour.

    \b
    benchtui tokens divergences base my-model --data questions.jsonl --output divergences.json
    """
    if values["mode"] == "own":
        raise UsageError(
            "Texts that each model writes itself have no tokens in common to compare.", "Leave --mode own out."
        )
    choice = run_choice((model_a, model_b), values)
    from benchtui.benchmark.tokens import compare_tokens
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.reports.tokens.seed_distributions import divergences_json
    from benchtui.results.tokens import read_tokens
    from benchtui.supervise.control import Control, say_on_stderr

    with Control(say_on_stderr) as control:
        outcome = compare_tokens(choice, Terminal(resume=choice.settings.resume), control)
    if outcome.exit_code != ExitCode.DONE:
        return int(outcome.exit_code)
    store = read_tokens(outcome.run.path).store
    if (0, 1) not in store.pairs:
        raise BenchtuiError(
            "The models do not share their tokens, so there are no divergences.",
            "`benchtui tokens show` has what can be compared: nats per byte.",
        )
    write_out(divergences_json(store, 0, 1), output)
    return int(ExitCode.DONE)
