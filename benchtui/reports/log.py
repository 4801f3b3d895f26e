"""Writes the experiment log: all runs of a model, or the leaderboard of all models."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchtui.compare.history.history import Experiment, Outcome
from benchtui.reports.exports import cell
from benchtui.reports.markdown import escape, table
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.tasks.words import task_title
from benchtui.text import json_text, one_line

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("#", "Model", "Run", "Dataset", "LR", "Rank")
_NOTES_WIDTH = 16
"""Least width of the notes column; longer notes wrap."""


def shared_task(experiments: Sequence[Experiment]) -> str | None:
    """Return the task that most runs have, the first listed among equals: a leaderboard is ordered by it."""
    counts = Counter(outcome.task for experiment in experiments for outcome in experiment.outcomes)
    return counts.most_common(1)[0][0] if counts else None


def ranked(experiments: Sequence[Experiment], task: str) -> list[Experiment]:
    """Return the run of each model that counts (its newest full one), the best score in `task` first, models without it
    last."""
    counting: dict[str, Experiment] = {}
    for experiment in experiments:  # the oldest first
        before = counting.get(experiment.model)
        if before is None or experiment.standing >= before.standing:
            counting[experiment.model] = experiment

    def key(experiment: Experiment) -> tuple[bool, float]:
        outcome = experiment.outcome(task)
        if outcome is None or not math.isfinite(outcome.value):
            return (True, 0.0)
        return (False, -outcome.value if outcome.higher_is_better else outcome.value)

    return sorted(counting.values(), key=key)


def tasks_of(experiments: Sequence[Experiment]) -> list[str]:
    return list(dict.fromkeys(outcome.task for experiment in experiments for outcome in experiment.outcomes))


def _outcome_words(outcome: Outcome | None, glyphs: Glyphs) -> str:
    """ "58.2% (+18.1)"; "(–)" for what cannot be compared, a mark for what is partial or stopped early, the number of
    documents where not all were scored."""
    if outcome is None:
        return ""
    words = score_words(outcome.value, is_share=outcome.is_share, digits=1)
    if outcome.change is not None:
        size = f"{100 * outcome.change:+.1f}" if outcome.is_share else f"{outcome.change:+.3g}"
        words += f" ({size})".replace("-", "−" if glyphs is UNICODE else "-")
    elif outcome.not_comparable:
        words += f" ({'–' if glyphs is UNICODE else '-'})"
    if outcome.partial:
        words += f" {glyphs.partial}"
    if outcome.early:
        words += " early"
    return words if outcome.n >= outcome.total else f"{words} n={outcome.n}"


def _rows(
    experiments: Sequence[Experiment], tasks: Sequence[str], glyphs: Glyphs, *, titles: bool
) -> tuple[list[str], list[list[str]]]:
    """Return header and cells; columns that are empty everywhere are left out. `titles`: tasks in plain words."""
    header = [*COLUMNS, *(task_title(task) if titles else task for task in tasks), "Notes"]
    rows = [
        [
            str(number),
            experiment.model,
            _run_words(experiment),
            experiment.training.dataset or "",
            f"{experiment.training.learning_rate:g}" if experiment.training.learning_rate is not None else "",
            str(experiment.training.lora_rank) if experiment.training.lora_rank is not None else "",
            *(_outcome_words(experiment.outcome(task), glyphs) for task in tasks),
            experiment.problem or experiment.note,
        ]
        for number, experiment in enumerate(experiments, 1)
    ]
    kept = [i for i in range(len(header)) if i < 3 or any(row[i] for row in rows)]
    return [header[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _run_words(experiment: Experiment) -> str:
    name = experiment.run.name.replace("T", " ")
    return name if experiment.state == "finished" else f"{name} ({experiment.state})"


def log_table(
    experiments: Sequence[Experiment], task: str | None, *, width: int = 80, glyphs: Glyphs = UNICODE
) -> tuple[Table, list[str]]:
    """Return the log for a terminal, scores with their change against the base in points; also the tasks that did not
    fit.

    `task` comes first, and is shown however narrow the terminal is.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    tasks = sorted(tasks_of(experiments), key=lambda name: name != task)
    left_out: list[str] = []
    header, rows = _rows(experiments, tasks, glyphs, titles=False)
    while _natural_width(header, rows) > width and len(tasks) > 1:
        left_out.insert(0, tasks.pop())
        header, rows = _rows(experiments, tasks, glyphs, titles=False)
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in header:
        whole = name in tasks or name in ("#", "LR", "Rank")
        made.add_column(Text(one_line(name)), overflow="fold", no_wrap=whole)
    for row in rows:
        made.add_row(*(Text(one_line(text, 200)) for text in row))
    return made, left_out


def log_lines(experiments: Sequence[Experiment], task: str | None) -> str:
    """Return the log as aligned lines, for thousands of runs: no line wraps, and no task is left out."""
    tasks = sorted(tasks_of(experiments), key=lambda name: name != task)
    header, rows = _rows(experiments, tasks, UNICODE, titles=False)
    lines = [header, *([one_line(text, 200) for text in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def _natural_width(header: list[str], rows: list[list[str]]) -> int:
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    if header[-1] == "Notes":
        widths[-1] = min(widths[-1], _NOTES_WIDTH)
    return sum(widths) + len(widths) - 1


def why_not_compared(experiments: Sequence[Experiment]) -> list[str]:
    """Return a sentence for each score that cannot be compared with its base's."""
    return [
        f"{experiment.model}, {experiment.run.name}, {outcome.task}: {one_line(outcome.not_comparable, 400)}"
        for experiment in experiments
        for outcome in experiment.outcomes
        if outcome.not_comparable
    ]


def log_markdown(experiments: Sequence[Experiment]) -> str:
    header, rows = _rows(experiments, tasks_of(experiments), UNICODE, titles=True)
    lines = [[escape(text) for text in row] for row in rows]
    return table([escape(name) for name in header], lines, "r") + "\n"


def log_records(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Return the log for scripts; scores on lm-eval's own scale."""
    return [
        {
            "model": experiment.model,
            "run": str(experiment.run),
            "date": experiment.created.isoformat() if experiment.created else None,
            "state": experiment.state,
            "suite": experiment.suite,
            "base": experiment.base,
            "dataset": experiment.training.dataset,
            "learning_rate": experiment.training.learning_rate,
            "lora_rank": experiment.training.lora_rank,
            "note": experiment.note,
            "problem": experiment.problem,
            "tasks": {
                outcome.task: {
                    "metric": outcome.metric,
                    "value": outcome.value,
                    "base": outcome.base,
                    "change": outcome.change,
                    "n": outcome.n,
                    "total": outcome.total,
                    "partial": outcome.partial,
                    "stopped_early": outcome.early,
                    "not_comparable": outcome.not_comparable or None,
                }
                for outcome in experiment.outcomes
            },
        }
        for experiment in experiments
    ]


def log_json(experiments: Sequence[Experiment]) -> str:
    return json_text(log_records(experiments))


def log_csv(experiments: Sequence[Experiment]) -> str:
    """Return one line a run and task."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    facts = ("model", "run", "date", "state", "suite", "base", "dataset", "learning_rate", "lora_rank", "note")
    scores = ("metric", "value", "base", "change", "n", "total", "partial", "stopped_early", "not_comparable")
    writer.writerow([*facts, "task", *("base_value" if name == "base" else name for name in scores)])
    for record in log_records(experiments):
        for task, found in record["tasks"].items():
            writer.writerow(
                [*(cell(record[name]) for name in facts), cell(task), *(cell(found[name]) for name in scores)]
            )
    return buffer.getvalue()
