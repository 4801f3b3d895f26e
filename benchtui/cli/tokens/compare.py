"""`benchtui tokens compare`: several models at every token of the same texts, or of what each writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from benchtui.cli.parameters.seed_spelling import translated
from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.cli.parameters.tokens import token_options, tokens_choice
from benchtui.errors import ExitCode, UsageError
from benchtui.plans.token_choice import TOKEN_SETTINGS
from benchtui.runs.outcome import as_argument

WIDTH = 120
"""Columns in a pipe or a file."""
_NOT_HERE = ("prompt", "answer")
"""Settings whose flags mean a text of its own here, where no data are named."""


class _Command(SectionedCommand):
    """Reads the flags of eval.py too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, translated(args))


@click.command("compare", cls=_Command)
@click.argument("models", nargs=-1, metavar="MODEL...")
@token_options
@click.option("--format", "format_", type=click.Choice(["seed"]), help="seed: write the files of eval.py too.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="The folder for them.")
@setting_options(*(name for name in TOKEN_SETTINGS if name not in _NOT_HERE))
def command(models: tuple[str, ...], format_: str | None, output: Path | None, **values: Any) -> int:
    """Compare MODELs token by token: what each makes of every token of the same texts.

    A MODEL is a name in outputs, NAME:FORMAT, a path, a GGUF file or a Hub id; base means the base of the first
    trained one. BACKEND:MODEL opens one by another backend, for example gguf:my-model. The first one is what the
    others are compared with.

    The texts are stored answers of runs, references of tasks or of your own data, a prompt, or, where nothing is said,
    60 prompts that come with benchtui; all models read the same ones, and each is asked what it would have written at
    every place. With --mode own each writes its own text instead, and only distributions are compared. One model is in
    memory at a time. The result can be looked at later without the models: `benchtui tokens show RUN`.

    The flags of eval.py (--model_1 PATH --model_2 PATH … --model_names A B …) are read too; its files are then written.

    \b
    benchtui tokens compare base my-model --answers last --limit 100
    benchtui tokens compare base my-model --flips
    benchtui tokens compare base my-model --tasks gsm8k --limit 100
    benchtui tokens compare base my-model --checkpoints --data questions.jsonl
    benchtui tokens compare my-model gguf:my-model:Q4_K_M --tasks gsm8k --limit 50
    benchtui tokens compare base my-model --prompt "The capital of France is" --answer " Paris."
    """
    if (output is None) != (format_ is None):
        raise UsageError("--format and --output belong together.", "Give --format seed --output FOLDER, or neither.")
    choice = tokens_choice(models, values)
    from benchtui.benchmark.tokens import compare_tokens
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.supervise.control import Control, say_on_stderr

    settings = choice.settings
    if settings.detach and not in_background():
        return start_detached(sys.argv[1:])
    with Control(say_on_stderr) as control:
        frontend = Terminal(as_json=settings.json, resume=settings.resume)
        outcome = compare_tokens(choice, frontend, control)
    if outcome.exit_code == ExitCode.DONE:
        _report(outcome.run.path, output, as_json=settings.json)
    return outcome.exit_code


def _report(run: Path, output: Path | None, *, as_json: bool) -> None:
    """Print what was found, unless events are printed, and write the files of eval.py where a folder is named."""
    from benchtui.cli.tokens.export import write_as_seed
    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.tokens.tables import print_tokens
    from benchtui.results.tokens import read_tokens

    found = read_tokens(run)
    if not as_json:
        print_tokens(found.summary, found.store, stdout_console(elsewhere=WIDTH))
        click.echo(f"The texts in colour: benchtui tokens show {as_argument(found.name)} --doc 1", err=True)
    if output is not None:
        write_as_seed(found, output)
