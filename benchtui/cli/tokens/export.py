"""`benchtui tokens export`: a comparison by token as files for people and for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.cli.terminal.written import write_out
from benchtui.errors import UsageError

if TYPE_CHECKING:
    from benchtui.results.tokens import TokensResults

FORMATS = ("html", "svg", "parquet", "csv", "json", "seed")


@click.command("export")
@click.argument("run", required=False)
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of stdout; seed: a folder.")
@click.option("--pair", metavar="A,B", help="html, svg: two of the models, or one. [default: the first and the last]")
@click.option("--doc", metavar="N|PLACE", help="svg: the document, as for `benchtui tokens show`.")
@click.option("--bits", is_flag=True, help="html, svg: show bits instead of nats.")
@setting_option("outputs")
def command(
    run: str | None,
    format_: str,
    output: Path | None,
    pair: str | None,
    doc: str | None,
    bits: bool,
    outputs: Path,
) -> None:
    """Write a comparison by token, RUN, as a file.

    html is one page that loads nothing: the coloured texts, what both models would have written at each token, tables
    and curves. svg is the text of one document. parquet and csv have a line for each model and token with everything
    that is known of it; json has that and the summary. seed are the files of eval.py: CSV files of each prompt and
    model, and their statistics as pandas computes them.

    \b
    benchtui tokens export my-model --format html --output my-model-tokens.html
    benchtui tokens export my-model --format parquet --output tokens.parquet
    benchtui tokens export my-model --format svg --doc 17 --output text.svg
    benchtui tokens export my-model --format seed --output results
    """
    from benchtui.results.tokens import find_tokens

    if format_ == "svg" and doc is None:
        raise UsageError("An SVG shows one document.", "Name it: --doc 1.")
    if doc is not None and format_ != "svg":
        raise UsageError(f"--doc names the document of an SVG; {format_} has all of them.", "Leave it out.")
    if format_ == "parquet" and output is None:
        raise UsageError("Parquet is no text.", "Name a file: --output tokens.parquet.")
    if format_ == "seed":
        write_as_seed(find_tokens(outputs, run), output)
        return
    write_out(_content(find_tokens(outputs, run), format_, pair, doc, bits=bits), output)


def write_as_seed(found: TokensResults, output: Path | None) -> None:
    """Write the files of eval.py into a folder, and say so. Raises BenchtuiError where that fails."""
    import datetime as dt

    from benchtui.plans.plan import read_plan
    from benchtui.plans.tokens import TokensPlan
    from benchtui.runs.directory import RunDirectory
    from benchtui.tokens.seed_files import write_seed_files

    if output is None:
        raise UsageError("seed is many files.", "Name a folder: --output results.")
    run = RunDirectory(found.run)
    experiment = read_plan(run.plan_file, TokensPlan).experiment if run.exists() else ""
    stamp = dt.datetime.now().astimezone().strftime("%Y%m%d_%H%M%S")
    written = write_seed_files(found.store, output, stamp=stamp, experiment=experiment)
    click.echo(f"Written: {len(written):,} files in {output}, with {stamp} in their names", err=True)


def _content(found: TokensResults, format_: str, pair: str | None, doc: str | None, *, bits: bool) -> str | bytes:
    from benchtui.cli.tokens.models import chosen_models, default_models
    from benchtui.reports.tokens.files import tokens_csv, tokens_json
    from benchtui.reports.wording.tokens import BITS, NATS

    store, unit = found.store, BITS if bits else NATS
    chosen = chosen_models(store, pair) if pair is not None else default_models(store)
    if format_ == "html":
        from benchtui.reports.tokens.html import tokens_html

        return tokens_html(found.summary, store, pair=chosen, unit=unit)
    if format_ == "svg":
        from benchtui.reports.tokens.files import document_svg
        from benchtui.reports.tokens.metrics import find_metric
        from benchtui.reports.tokens.shown import find_documents

        assert doc is not None  # noqa: S101 - it was asked for above
        second, compared = chosen[1], chosen in store.pairs
        metric = find_metric("js" if compared else "entropy", pairs=compared)
        [document, *_] = find_documents(store, second, doc)
        return document_svg(store, document, chosen if compared else (second, second), metric, unit)
    if format_ == "parquet":
        return _parquet(found)
    return tokens_csv(store) if format_ == "csv" else tokens_json(found.summary, store)


def _parquet(found: TokensResults) -> bytes:
    import io

    from benchtui.tokens.table import write_parquet

    buffer = io.BytesIO()
    write_parquet(found.store, buffer)
    return buffer.getvalue()
