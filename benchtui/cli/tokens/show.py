"""`benchtui tokens show`: the tables of a comparison by token, or the text of one document in colour."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import UsageError

WIDTH = 120
"""Columns in a pipe or a file."""


@click.command("show")
@click.argument("run", required=False)
@click.option("--doc", metavar="N|PLACE", help='One document: its number, from 1 on, or its place, as "gsm8k #17".')
@click.option("--pair", metavar="A,B", help="Two of the models, or one alone. [default: the first and the last]")
@click.option(
    "--metric",
    type=click.Choice(["js", "kl", "entropy", "logprob", "rank"]),
    help="What the text is coloured by. [default: js; entropy where nothing was compared]",
)
@click.option("--bits", is_flag=True, help="Show bits instead of nats.")
@setting_option("outputs")
def command(run: str | None, doc: str | None, pair: str | None, metric: str | None, bits: bool, outputs: Path) -> None:
    """Show what a comparison by token found; with --doc, the text of one document.

    RUN is a run, a model (its newest comparison) or the folder of a store; without it, the newest comparison of all.
    No model is loaded: everything is in the store.

    Below the text of a document stands a bar for each token, in eight steps, and ^ where the models' likeliest tokens
    differ. Below it are the tokens that are furthest apart, with what each model would have written.

    \b
    benchtui tokens show my-model
    benchtui tokens show my-model --doc 17
    benchtui tokens show my-model --doc "gsm8k #17" --pair base,my-model --metric entropy
    """
    from benchtui.cli.tokens.models import chosen_models, default_models
    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.tokens.metrics import find_metric
    from benchtui.reports.tokens.shown import find_documents, print_document
    from benchtui.reports.tokens.tables import print_tokens
    from benchtui.reports.wording.tokens import BITS, NATS
    from benchtui.results.tokens import find_tokens

    found = find_tokens(outputs, run)
    store, console, unit = found.store, stdout_console(elsewhere=WIDTH), BITS if bits else NATS
    chosen = chosen_models(store, pair) if pair is not None else None
    if doc is None:
        if metric is not None:
            raise UsageError("--metric colours the text of a document.", "Name one: --doc 1.")
        print_tokens(found.summary, store, console, pair=chosen, unit=unit)
        return
    first, second = chosen or default_models(store)
    compared = (first, second) in store.pairs
    how = find_metric(metric or ("js" if compared else "entropy"), pairs=compared)
    for number, document in enumerate(find_documents(store, second, doc)):
        if number:
            console.print()
        print_document(store, document, (first, second) if compared else (second, second), how, console, unit)
