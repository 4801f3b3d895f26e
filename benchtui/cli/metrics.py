"""`benchtui metrics`: what metrics there are, and the scores of answers in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.terminal.paragraphs import aside, hanging, say
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from benchtui.compare.answers_file import FileScore
    from benchtui.tasks.metrics.metric import Metric


@click.group(name="metrics", short_help="List the metrics for your own data; score the answers in a file.")
def command() -> None:
    """The metrics that tasks made of your own data are scored with (`benchtui run --data FILE --metric NAME`)."""


@command.command(name="list")
@click.argument("name", required=False)
@json_option("Print the metrics as JSON.")
def list_metrics(name: str | None, as_json: bool) -> None:
    """List the metrics; with NAME, explain one: its parameters and an example.

    \b
    benchtui metrics list
    benchtui metrics list number
    """
    from benchtui.tasks.metrics.registry import METRICS, choose

    found = list(METRICS.values()) if name is None else [choose(name).metric]
    if as_json:
        import json

        json.dump([_record(metric) for metric in found], sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    elif name is None:
        _show_all()
    else:
        _explain(found[0])


@command.command(name="score")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="May be repeated. Default: exact_match.")
@click.option("--prediction", metavar="COLUMN", help="The column with the answers. Default: found by its name.")
@click.option("--reference", metavar="COLUMN", help="The column with what is right. Default: found by its name.")
@click.option("--allow-metric-code", is_flag=True, help="Run the Python files that are named as metrics.")
@json_option("Print the scores as JSON.")
def score(
    file: Path,
    metrics: tuple[str, ...],
    prediction: str | None,
    reference: str | None,
    allow_metric_code: bool,
    as_json: bool,
) -> None:
    """Score the answers in FILE, without a model: value, standard error and 95 % interval of each metric.

    FILE is JSON, JSONL, CSV, TSV, Parquet or Arrow with a column of answers and one of references, or a
    samples_….jsonl file of lm-eval.

    \b
    benchtui metrics score answers.csv --metric exact_match:normalise=lower --metric f1
    benchtui metrics score answers.jsonl --prediction output --reference gold --metric number:relative=0.01
    """
    from benchtui.compare.answers_file import score_file

    found = score_file(file, metrics, prediction, reference, metric_code=allow_metric_code)
    if as_json:
        import msgspec

        from benchtui.text import json_text

        click.echo(json_text(msgspec.to_builtins(found)), nl=False)
    else:
        _print_scores(found.scores)
    for line in found.said:
        click.echo(printable(line), err=True)


def _print_scores(scores: tuple[FileScore, ...]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.wording.numbers import score_words

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Metric", overflow="fold")
    filters = len({each.filter for each in scores}) > 1
    if filters:
        table.add_column("Filter")
    for heading in ("n", "Value", "± SE", "95 % CI"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in scores:
        interval = "–"
        if each.interval is not None:
            interval = " to ".join(_number(end, each) for end in (each.interval.low, each.interval.high))
        cells = [one_line(each.metric), *([one_line(each.filter, 40)] if filters else []), f"{each.n:,}"]
        cells.append(score_words(each.value, is_share=each.is_share))
        cells += ["–" if each.stderr is None else _number(each.stderr, each), interval]
        table.add_row(*map(Text, cells))
    stdout_console(elsewhere=100).print(table)
    if any(each.interval is None for each in scores):
        aside("–: too few answers, or all alike, to tell what others would score.")


def _number(value: float, score: FileScore) -> str:
    return f"{100 * value:.2f}" if score.is_share else f"{value:.4g}"


def _show_all() -> None:
    from benchtui.tasks.metrics.registry import METRICS

    indent = max(map(len, METRICS)) + 2
    written = [metric for metric in METRICS.values() if metric.score is not None]
    likely = [metric for metric in METRICS.values() if metric.score is None]
    say(click.style("Of answers that a model writes", bold=True))
    for metric in written:
        hanging(metric.name, metric.title, indent)
    say("\n" + click.style("Of log-probabilities", bold=True))
    for metric in likely:
        hanging(metric.name, f"{metric.title} ({_of(metric)})", indent)
    aside(
        "\nExplain one with: benchtui metrics list NAME"
        "\nYour own: a Python file with `def score(prediction, reference, document)`, named by its path."
    )


def _of(metric: Metric) -> str:
    """Say of which kinds of data a metric is."""
    words = {
        "choices": "choices",
        "preference": "preference pairs",
        "loglikelihood": "references",
        "perplexity": "whole texts",
    }
    return ", ".join(word for kind, word in words.items() if kind in metric.kinds)


def _explain(metric: Metric) -> None:
    say(click.style(f"{metric.name}: {metric.title}", bold=True))
    say()
    hanging("", metric.about, 2)
    say()
    for label, text in _facts(metric):
        hanging(f"  {label}", text, 14)
    if metric.parameters:
        say()
        say(click.style("Parameters", bold=True))
        for each in metric.parameters:
            default = f" [default: {each.written(each.default)}]" if each.default not in ("", None) else ""
            hanging(f"  {each.name}", f"{each.takes}: {each.about}{default}", 14)
    if metric.example:
        aside(f"\nbenchtui run --data FILE --metric '{metric.example}'")


def _facts(metric: Metric) -> list[tuple[str, str]]:
    needs = {"nothing": "only the answer", "choices": "choices, and which is right", "schema": "a JSON schema"}
    high = "no end" if metric.high is None else f"{metric.high:g}"
    facts = [
        ("needs", needs.get(metric.needs, f"a {metric.needs}")),
        ("scale", f"{metric.low:g} to {high}" if metric.low is not None else "your own"),
        ("better", "higher" if metric.higher_is_better else "lower"),
        ("score", "the mean over the answers" if metric.is_mean else "of all answers together, not a mean of theirs"),
    ]
    return [*facts, ("chance", "1 / number of choices")] if metric.chance else facts


def _record(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "title": metric.title,
        "about": metric.about,
        "kinds": sorted(metric.kinds),
        "needs": metric.needs,
        "low": metric.low,
        "high": metric.high,
        "higher_is_better": metric.higher_is_better,
        "mean": metric.is_mean,
        "chance": metric.chance,
        "parameters": [
            {"name": each.name, "takes": each.takes, "default": each.default, "about": each.about}
            for each in metric.parameters
        ],
        "example": metric.example,
    }
