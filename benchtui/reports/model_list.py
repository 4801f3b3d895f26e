"""The list of models as a table for a terminal, as lines, and as records for JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchtui.models.last_result import LastResult, TaskResult
from benchtui.models.layout import ModelFormat, size_text
from benchtui.models.listing import ListedModel
from benchtui.text import one_line

_COLUMNS = ("Model", "Formats", "Base", "Trained", "Result")
_ROOMY = 100
"""Columns of terminal from which on the table also says where each base was read."""
_MAX_TASKS = 3
_MAX_CHECKPOINTS = 2


def model_record(item: ListedModel) -> dict[str, Any]:
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


def model_lines(listed: Sequence[ListedModel]) -> Iterator[str]:
    """Yield one line a model in aligned columns, what is wrong with it indented below."""
    table = [_COLUMNS, *(tuple(", ".join(lines) for lines in _cells(item)) for item in listed)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS) - 1)]
    for index, cells in enumerate(table):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*padded, cells[-1]]).rstrip()
        for problem in listed[index - 1].problems if index else ():
            yield f"  ! {one_line(problem, 400)}"
        for warning in listed[index - 1].warnings if index else ():
            yield f"  warning: {one_line(warning, 300)}"


def print_model_table(listed: Sequence[ListedModel]) -> None:
    """Print a table for a terminal; what is wrong stands below it, where it has the whole width."""
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
        console.print(Text.assemble(("✗ ", "red"), (one_line(name, 80), "bold"), "  ", one_line(problem, 400)))
    for name, warning in warnings:
        console.print(Text.assemble(("! ", "yellow"), (one_line(name, 80), "bold"), "  ", one_line(warning, 300)))


def _cells(item: ListedModel) -> tuple[list[str], ...]:
    """The columns of one model, each as lines that are safe to print."""
    model = item.model
    trained = f"{_moment(model.trained_at):%Y-%m-%d}" if model.trained_at else "—"
    return ([one_line(model.name, 80)], list(_format_lines(item)), _base_lines(item), [trained], _result_lines(item))


def _format_lines(item: ListedModel) -> Iterator[str]:
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
        return f"gguf {one_line(form.path.stem.removeprefix(model_name).lstrip('-.') or form.path.stem, 40)}"
    return one_line(form.label, 60)


def _base_lines(item: ListedModel) -> list[str]:
    if item.base is None:
        return ["not named"] if item.model.formats and not item.model.hub_id else ["—"]
    return [one_line(item.base.name, 120), f"from {one_line(Path(item.base.source_file).name, 80)}"]


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
    return f"{one_line(task.task, 40)} {scores}" + (f" (n={task.n}{limited})" if task.n else "")


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds).astimezone().replace(microsecond=0)
