"""`benchtui tokens pair`: two models of a comparison by token that were not compared with each other."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import ExitCode


@click.command("pair")
@click.argument("run")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@setting_option("outputs")
@setting_option("json")
def command(run: str, first: str, second: str, outputs: Path, json: bool) -> int:
    """Compare two models of a comparison by token that were not compared with each other: A is the first of them.

    RUN is a run or a model (its newest comparison); A and B are models by their names in it. What was stored of both
    is enough: only their output heads are read, from the models' files, or from the run where --keep-heads put them.

    \b
    benchtui tokens pair my-model checkpoint-100 checkpoint-300
    """
    from benchtui.benchmark.token_pair import compare_pair, named_pair
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.tokens.tables import print_tokens
    from benchtui.results.tokens import find_tokens, read_tokens
    from benchtui.supervise.control import Control, say_on_stderr

    found = find_tokens(outputs, run)
    pair = named_pair(found, first, second)
    with Control(say_on_stderr) as control:
        code = compare_pair(found, pair, Terminal(as_json=json), control)
    if code == ExitCode.DONE and not json:
        after = read_tokens(found.run)
        print_tokens(after.summary, after.store, stdout_console(elsewhere=120), pair=pair)
    return code
