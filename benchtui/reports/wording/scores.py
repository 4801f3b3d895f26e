"""Writes the cells of a comparison: what a row measures, its scores, its change, its test."""

from __future__ import annotations

from benchtui.compare.differences.populations import TOO_FEW_TASKS
from benchtui.compare.records import Comparison, Kind, Row, Side
from benchtui.compare.wording import between, p_number, size_words
from benchtui.compare.wording import interval_words as level_and_interval
from benchtui.evidence.records import ALPHA
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import change_number, direction
from benchtui.reports.wording.repeats import of_answers
from benchtui.results.repeats import parted

METRIC_WORDS = {
    "prompt_level_strict_acc": "Strict Prompt",
    "inst_level_strict_acc": "Strict Inst",
    "prompt_level_loose_acc": "Loose Prompt",
    "inst_level_loose_acc": "Loose Inst",
}
"""The names in reports for IFEval's four metrics; other metrics keep lm-eval's names."""


def metric_words(row: Row) -> str:
    """Return what a row measures: "Strict Prompt", "exact_match, strict-match", "acc_norm"."""
    return metric_name(row.metric, row.filter, row.first.answers, row.second.answers)


def metric_name(metric: str, filter_name: str, *answers: int) -> str:
    """Return what a score measures, of so many answers to each sample: "exact_match, strict-match, pass@8"."""
    measured, _ = parted(metric)
    name = METRIC_WORDS.get(measured, measured)
    filtered = name if filter_name in ("none", "") else f"{name}, {filter_name}"
    return f"{filtered}{of_answers(metric, *answers)}"


def label(row: Row, comparison: Comparison) -> str:
    """Return the first cell: the task's title; for another metric of it that metric's name; for a part its own
    title."""
    if row.level == "detail":
        headline = next((r for r in comparison.headlines if r.task == row.task), None)
        if headline is not None and headline.metric == row.metric and row.filter not in ("none", ""):
            return row.filter
        return metric_words(row)
    if row.level == "part":
        above = [r.title for r in comparison.headlines if row.title.startswith(f"{r.title}: ")]
        return row.title.removeprefix(f"{above[0]}: ") if above else row.title
    return row.title


def indent(row: Row) -> int:
    """Return how many steps the first cell is indented: below a group, or as another metric below its task."""
    return 1 if row.level == "detail" and not row.depth else row.depth


def interval_words(side: Side, *, is_share: bool) -> str:
    if side.interval is None:
        return ""
    if is_share:
        return f"{100 * side.interval.low:.1f} to {100 * side.interval.high:.1f}"
    return f"{side.interval.low:.4g} to {side.interval.high:.4g}"


def arrow(row: Row, glyphs: Glyphs = UNICODE) -> str:
    """Return up for better, down for worse by the metric's own direction, level for what shows no change when
    rounded."""
    level = abs(row.change) < (0.00005 if row.is_share else 1e-12)
    return direction(None if level else row.improved, glyphs)


def change_words(row: Row, glyphs: Glyphs = UNICODE, digits: int = 2) -> str:
    """Return the cell of a change: "↗ +20.00 (+50.0%)", points and relative change; "" where there is none."""
    size = change_number(row.change, is_share=row.is_share, digits=digits)
    if not size:
        return ""
    relative = "" if row.relative is None else f" ({row.relative:+.{digits - 1}f}%)"
    return f"{arrow(row, glyphs)} {size}{relative}".replace("-", "−" if glyphs is UNICODE else "-")


def n_words(side: Side) -> str:
    """ "541", or "5/541" where not all of a task's documents were scored."""
    return str(side.n) if side.n >= side.total else f"{side.n}/{side.total}"


def row_n(row: Row, glyphs: Glyphs = UNICODE) -> str:
    """Return how many documents a row is about; both numbers where the runs differ; marked where one is partial."""
    mark = f"{glyphs.partial} " if row.first.partial or row.second.partial else ""
    first, second = n_words(row.first), n_words(row.second)
    return mark + (second if first == second else f"{first} | {second}")


def usual_intervals(comparison: Comparison) -> bool:
    """Return whether all intervals are 95 % ones. For a run that might have stopped early they have other levels, named
    in the sentences."""
    shown = [row for row in comparison.rows if row.interval is not None]
    return all(row.early is None and (row.tested is None or row.tested.alpha == ALPHA) for row in shown)


def interval_heading(comparison: Comparison) -> str:
    return "95 % CI" if usual_intervals(comparison) else "CI"


def difference_interval(row: Row) -> str:
    """Return the interval of the paired difference: "14.0 to 22.2"."""
    return "" if row.interval is None else between(row.interval, is_share=row.is_share)


def p_cell(row: Row) -> str:
    """Return the corrected p-value, where it holds; in brackets one that is not corrected."""
    if row.tested is None:
        return ""
    corrected = row.tested.p_holm
    return f"({p_number(row.tested.p)})" if corrected is None else p_number(corrected)


NEW_TASKS = "New tasks of this kind"
SHRUNK = "Partially pooled"


def new_tasks_words(row: Row) -> str:
    """Return what a group shows about new tasks of its kind: "+1.9 points (95 % CI −0.3 to 4.1), p 0.08"; "" for what
    is no group or has no test."""
    if not row.tasks or row.tested is None or (row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE):
        return ""
    found = row.new_tasks
    if found is None:
        return TOO_FEW_TASKS
    shown = level_and_interval(found.interval, is_share=row.is_share, alpha=found.alpha)
    p = found.p if found.p_holm is None else found.p_holm
    return f"{size_words(found.value, is_share=row.is_share)} ({shown}), p {p_number(p)}, the tasks counted alike"


def shrunk_words(row: Row) -> str:
    """Return the change of a task inside a group, estimated together with those of the others: "+3.1 points (0.2 to
    6.0)"; "" for other rows."""
    if row.shrunk is None:
        return ""
    size = size_words(row.shrunk.value, is_share=row.is_share)
    return f"{size} ({between(row.shrunk.interval, is_share=row.is_share)})"


def headline_metrics(comparison: Comparison) -> str:
    """Return the main metric of each task, in one line."""
    return "; ".join(f"{row.title}: {metric_words(row)}" for row in comparison.headlines)
