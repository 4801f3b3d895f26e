"""`benchtui models`: what is in outputs/, as a table or as JSON."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError

if TYPE_CHECKING:
    from benchtui.backends.backend import Backend
    from benchtui.models.last_result import LastResult, TaskResult
    from benchtui.models.layout import ModelFormat
    from benchtui.models.listing import ListedModel

_COLUMNS = ("Model", "Formats", "Base", "Trained", "Result")
_TABLE_LIMIT = 200
"""More models than this are printed as plain lines even on a terminal: nobody reads a table that long."""
_ROOMY = 100
"""Columns of terminal from which on the table also says where each base was read."""
_MAX_TASKS = 3
_MAX_CHECKPOINTS = 2


@click.command(name="models", short_help="List the trained models in outputs/.")
@setting_option("outputs")
@json_option("Print a JSON list instead of a table.")
@click.option("--verify", metavar="NAME", help="Read every weight file of this model and print its SHA-256.")
def command(outputs: Path, as_json: bool, verify: str | None) -> None:
    """List the trained models in outputs/: formats and sizes, base model, last result, and what is wrong."""
    from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
    from benchtui.models.listing import list_models
    from benchtui.settings.config import load_config

    backend = find_backend(load_config().run_defaults.get("backend", DEFAULT_BACKEND))
    if verify is not None:
        _print_hashes(outputs, verify, backend)
        return
    try:
        listed = list_models(outputs, backend)
    except BenchtuiError:
        if as_json:
            click.echo("[]")
        raise
    if as_json:
        click.echo(json.dumps([_record(item) for item in listed], indent=2))
    elif sys.stdout.isatty() and len(listed) <= _TABLE_LIMIT:
        _print_table(listed)
    else:
        _print_plain(listed)


def _print_hashes(outputs: Path, name: str, backend: Backend) -> None:
    """The files of every usable format as sha256sum prints them, each as soon as it is read."""
    from benchtui.models.selection import find_model
    from benchtui.models.verify import file_hashes

    model = find_model(outputs, name, backend)
    printed = False
    for form in model.formats:
        if form.usable() and not form.hub_id:
            for path, digest in file_hashes(form):
                click.echo(f"{digest}  {_shown(str(path), 400)}")
                printed = True
    if not printed:
        raise BenchtuiError(
            f"{_shown(model.name, 80)} has no files here that can be used.", "`benchtui models` says why."
        )


def _record(item: ListedModel) -> dict[str, Any]:
    """One model as `--json` shows it; keys are only ever added. Sizes in bytes, times ISO 8601."""
    model = item.model
    training = {name: getattr(model.training, name) for name in model.training.__dataclass_fields__}
    training["finished"] = model.training.finished.isoformat() if model.training.finished else None
    return {
        "name": model.name,
        "path": str(model.path),
        "usable": model.usable,
        "formats": [_format_record(form) for form in model.formats],
        "base": {"name": item.base.name, "source": item.base.source_file, "note": item.base.note}
        if item.base
        else None,
        "trained": _moment(model.trained_at).isoformat() if model.trained_at else None,
        "training": training,
        "last_result": _result_record(item.result) if item.result else None,
        "problems": list(item.problems),
        "warnings": list(item.warnings),
    }


def _format_record(form: ModelFormat) -> dict[str, Any]:
    return {
        "kind": form.kind,
        "name": form.label,
        "path": form.location,
        "bytes": form.bytes,
        "adapter": form.adapter,
        "usable": form.usable(),
        "problem": form.problem or None,
        "warnings": list(form.warnings),
    }


def _result_record(result: LastResult) -> dict[str, Any]:
    tasks = [
        {"task": task.task, "metric": task.metric, "base": task.base, "fine_tuned": task.fine_tuned, "n": task.n}
        for task in result.tasks
    ]
    return {"timestamp": result.when.isoformat() if result.when else None, "tasks": tasks}


def _print_plain(listed: list[ListedModel]) -> None:
    """One line a model in aligned columns, what is wrong with it indented below."""
    table = [_COLUMNS, *(tuple(", ".join(lines) for lines in _cells(item)) for item in listed)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS) - 1)]
    for index, cells in enumerate(table):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        click.echo("  ".join([*padded, cells[-1]]).rstrip())
        for problem in listed[index - 1].problems if index else ():
            click.echo(f"  ! {_shown(problem, 400)}")
        for warning in listed[index - 1].warnings if index else ():
            click.echo(f"  warning: {_shown(warning, 300)}")


def _print_table(listed: list[ListedModel]) -> None:
    """A table for a terminal; what is wrong stands below it, where it has the whole width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False)
    roomy = console.width >= _ROOMY
    table = Table(box=None, pad_edge=False, padding=(0, 2 if roomy else 1, 0, 0), header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name == "Trained")
    for item in listed:
        cells = [[Text(line) for line in lines] for lines in _cells(item)]
        base = cells[_COLUMNS.index("Base")]
        for source in base[1:]:
            source.stylize("dim")
        if not roomy:
            del base[1:]
        table.add_row(*(Text("\n").join(lines) for lines in cells))
    console.print(table)
    problems = [(item.model.name, problem) for item in listed for problem in item.problems]
    warnings = [(item.model.name, warning) for item in listed for warning in item.warnings]
    if problems or warnings:
        console.print()
    for name, problem in problems:
        console.print(Text.assemble(("✗ ", "red"), (_shown(name, 80), "bold"), "  ", _shown(problem, 400)))
    for name, warning in warnings:
        console.print(Text.assemble(("! ", "yellow"), (_shown(name, 80), "bold"), "  ", _shown(warning, 300)))


def _cells(item: ListedModel) -> tuple[list[str], ...]:
    """The columns of one model, each as lines that are safe to print."""
    model = item.model
    trained = f"{_moment(model.trained_at):%Y-%m-%d}" if model.trained_at else "—"
    return ([_shown(model.name, 80)], list(_format_lines(item)), _base_lines(item), [trained], _result_lines(item))


def _format_lines(item: ListedModel) -> Iterator[str]:
    from benchtui.models.layout import size_text

    usable = [form for form in item.model.formats if form.usable()]
    numbered = [form for form in usable if form.kind in ("checkpoint", "epoch")]
    left_out = numbered[_MAX_CHECKPOINTS:]
    for form in usable:
        if form in left_out:
            continue
        name = _format_name(form, item.model.name)
        yield f"{name} {size_text(form.bytes)}" if form.bytes else name
    if left_out:
        yield f"{len(left_out)} earlier {'checkpoints' if len(left_out) > 1 else 'checkpoint'}"
    if not usable and not item.problems:
        yield "—"
    elif not usable:
        yield "none usable"


def _format_name(form: ModelFormat, model_name: str) -> str:
    if form.kind == "hub":
        return "on the hub"
    if form.kind == "gguf":  # usually called after the model, then its quantisation
        return f"gguf {_shown(form.path.stem.removeprefix(model_name).lstrip('-.') or form.path.stem, 40)}"
    return _shown(form.label, 60)


def _base_lines(item: ListedModel) -> list[str]:
    if item.base is None:
        return ["not named"] if item.model.formats and not item.model.hub_id else ["—"]
    return [_shown(item.base.name, 120), f"from {_shown(Path(item.base.source_file).name, 80)}"]


def _result_lines(item: ListedModel) -> list[str]:
    if item.result is None:
        return ["—"]
    tasks = item.result.tasks
    lines = [_score_line(task) for task in tasks[:_MAX_TASKS]]
    return [*lines, f"and {len(tasks) - _MAX_TASKS} more"] if len(tasks) > _MAX_TASKS else lines


def _score_line(task: TaskResult) -> str:
    tuned = "not a number" if task.fine_tuned is None else f"{task.fine_tuned:.1%}"
    scores = tuned if task.base is None else f"{task.base:.1%} → {tuned}"
    limited = f" of {task.total}" if task.total and task.n and task.n < task.total else ""
    return f"{_shown(task.task, 40)} {scores}" + (f" (n={task.n}{limited})" if task.n else "")


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds).astimezone().replace(microsecond=0)


def _shown(text: str, limit: int) -> str:
    from benchtui.text import one_line

    # A file name may hold bytes that are no text; they are shown as escapes.
    return one_line(text.encode("utf-8", "backslashreplace").decode(), limit)
