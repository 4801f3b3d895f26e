"""Writes the comparison as Markdown, for READMEs, issues and `benchtui compare --format markdown`."""

from __future__ import annotations

import re

from benchtui.compare.records import Comparison, Row
from benchtui.reports.tables import shown_rows
from benchtui.reports.wording.notes import notes, p_note, populations
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.repeats import repeat_lines
from benchtui.reports.wording.scores import (
    NEW_TASKS,
    change_words,
    difference_interval,
    indent,
    interval_heading,
    label,
    new_tasks_words,
    p_cell,
    row_n,
)
from benchtui.reports.wording.speed import speed_lines
from benchtui.reports.wording.two_models import two_model_lines
from benchtui.reports.wording.verdicts import verdict_cell
from benchtui.text import one_line

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def escape(text: str, limit: int = 200) -> str:
    """Return foreign text as one line of Markdown in which every character means only itself."""
    return _SPECIAL.sub(r"\\\1", one_line(text, limit))


def table(header: list[str], rows: list[list[str]], align: str = "") -> str:
    """Return a Markdown table; `align` has "l" or "r" for each column."""
    marks = ["---:" if side == "r" else "---" for side in align.ljust(len(header), "l")]
    lines = [header, marks, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comparison_rows(comparison: Comparison, rows: list[Row]) -> str:
    """Return the comparison's table for a choice of its rows."""
    header = [
        "Benchmark",
        escape(comparison.first_name),
        escape(comparison.second_name),
        "Change",
        interval_heading(comparison),
        "p",
    ]
    cells = [
        [
            "&nbsp;&nbsp;" * indent(row) + escape(label(row, comparison)),
            score_words(row.first.value, is_share=row.is_share),
            score_words(row.second.value, is_share=row.is_share),
            change_words(row),
            difference_interval(row),
            p_cell(row),
            row_n(row).replace("|", "\\|"),
            verdict_cell(row),
        ]
        for row in rows
    ]
    return table([*header, "n", "Verdict"], cells, "lrrllrrl")


def comparison_markdown(comparison: Comparison) -> str:
    """Return table, sentence, one line for each verdict, and the differences between the runs; ends in a newline."""
    parts = [comparison_rows(comparison, shown_rows(comparison)), f"**{escape(comparison.sentence, 10_000)}**"]
    verdicts = [
        f"- {escape(row.title)}: {escape(row.verdict.sentence, 1000)}"
        for row in comparison.headlines
        if row.verdict is not None
    ]
    verdicts += [
        f"- {escape(row.title)}. {NEW_TASKS}: {escape(words)}"
        for row in comparison.headlines
        if (words := new_tasks_words(row))
    ]
    if verdicts:
        parts.append("\n".join(verdicts))
    words = p_note(comparison, shown_rows(comparison))
    if words:
        parts.append(words)
    told = [populations(comparison), *notes(comparison)] if comparison.headlines else notes(comparison)
    told += repeat_lines(comparison)
    told += two_model_lines(comparison)
    told += speed_lines(comparison)
    if told:
        parts.append("\n".join(f"- {escape(note, 400)}" for note in told))
    return "\n\n".join(parts) + "\n"
