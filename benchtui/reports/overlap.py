"""Writes the overlap of a benchmark with training data: tables and sentences for the terminal, JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.compare.overlap import SHORT, BenchmarkOverlap, OverlappingDocument, ScoresWithout, TaskOverlap
from benchtui.compare.records import Row
from benchtui.compare.wording import between
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.numbers import change_number, score_words
from benchtui.reports.wording.scores import difference_interval, interval_heading, metric_words, p_cell, row_n
from benchtui.reports.wording.verdicts import verdict_cell
from benchtui.tasks.overlap.index import RUN
from benchtui.tasks.words import task_title
from benchtui.text import json_text, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

LISTED = 20
"""Overlapping documents that the table names; JSON has all."""


def print_overlap(found: BenchmarkOverlap, scores: ScoresWithout | None, console: Console) -> None:
    """Print how much overlaps, the first documents that do, and the scores with and without them."""
    from rich.text import Text

    glyphs = glyphs_for(console.encoding)
    console.print(_tasks_table(found))
    if found.documents:
        console.print(Text(""))
        console.print(_documents_table(found.documents[:LISTED]))
        if len(files := {document.file for document in found.documents[:LISTED]}) == 1:
            console.print(Text(printable(f"All in {files.pop()}.")))
        if len(found.documents) > LISTED:
            console.print(Text(f"and {len(found.documents) - LISTED:,} more: --json lists all"))
    if scores is not None and found.documents:
        console.print(Text(""))
        console.print(_scores_table(scores, glyphs))
    console.print(Text(""))
    for line in sentences(found, scores):
        console.print(Text(printable(line)))


def _tasks_table(found: BenchmarkOverlap) -> Table:
    table = _table("Benchmark", "Documents", "Overlapping", "Share (95 % CI)")
    for line in found.tasks:
        share = f"{100 * line.share:.1f} % ({between(line.interval, is_share=True)})" if line.documents else "–"
        table.add_row(*_texts(task_title(line.task), f"{line.documents:,}", f"{line.overlapping:,}", share))
    return table


def _documents_table(documents: Sequence[OverlappingDocument]) -> Table:
    table = _table("Document", "Shared", "First words in common", "Where", left=("First words in common", "Where"))
    one_file = len({document.file for document in documents}) == 1
    for document in documents:
        shared = f"{document.shared}/{document.runs}"
        where = document.place if one_file else f"{document.file}, {document.place}"
        table.add_row(*_texts(f"{document.task} {document.name}", shared, document.words, where))
    return table


def _scores_table(scores: ScoresWithout, glyphs: Glyphs) -> Table:
    heading = f"Change ({interval_heading(scores.all)})"
    names = scores.all.first_name, scores.all.second_name
    table = _table("Benchmark", "n", *(name[:1].upper() + name[1:] for name in names), heading, "p", "Verdict",
                   left=(heading, "Verdict"))  # fmt: skip
    for row, without in scores.rows():
        table.add_row(*_texts(row.title, *_score_cells(row, glyphs)))
        if without is None:
            table.add_row(*_texts("  without them", "", "", "", one_line(scores.gone.get(row.task, "–"), 60), "", ""))
        else:
            table.add_row(*_texts("  without them", *_score_cells(without, glyphs)))
    return table


def _score_cells(row: Row, glyphs: Glyphs) -> tuple[str, ...]:
    first, second = (score_words(side.value, is_share=row.is_share, digits=1) for side in (row.first, row.second))
    change = change_number(row.change, is_share=row.is_share, digits=1)
    ends = difference_interval(row)
    change = f"{change} ({ends})" if change and ends else change
    minus = "−" if glyphs is UNICODE else "-"
    return row_n(row, glyphs), first, second, change.replace("-", minus), p_cell(row), verdict_cell(row, glyphs)


def _table(*columns: str, left: tuple[str, ...] = ()) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        plain = number == 0 or name in left
        table.add_column(name, justify="left" if plain else "right", overflow="fold", no_wrap=not plain)
    return table


def _texts(*cells: str) -> list[RenderableType]:
    from rich.text import Text

    return [Text(one_line(cell, 160).rstrip() if not cell.startswith(" ") else cell) for cell in cells]


def sentences(found: BenchmarkOverlap, scores: ScoresWithout | None) -> Iterator[str]:
    """Yield what the tables mean, and what they do not."""
    total, hits = sum(line.documents for line in found.tasks), len(found.documents)
    if not hits:
        yield f"None of {total:,} documents has {RUN} words in a row that occur in this training data."
    else:
        yield (
            f"{hits:,} of {total:,} documents {'has' if hits == 1 else 'have'} {RUN} words in a row (shorter ones: all "
            "their words) that occur in this training data."
        )
    if short := sum(line.short for line in found.tasks):
        yield f"{short:,} of them {'is' if short == 1 else 'are'} shorter than {SHORT} words: that may be chance."
    for words, count in found.widespread[:3]:
        yield f'{count:,} of them begin to overlap with the same words, "{one_line(words, 100)}": a fixed text?'
    if wordless := sum(line.wordless for line in found.tasks):
        yield f"{wordless:,} documents have no words to look for."
    if scores is not None and hits and not scores.rows():
        yield "No score rests on them: the runs' samples do not name their documents."
    yield (
        "Overlap shows that words were there in training, not that an answer was learnt; reworded or translated "
        "documents are not found."
    )


# JSON.


def overlap_json(
    found: BenchmarkOverlap, scores: ScoresWithout | None, files: Sequence[tuple[Path, str]], said: Sequence[str]
) -> str:
    """Return everything as one JSON object; shares from 0 to 1; ends in a newline."""
    document = {
        "schema_version": 1,
        "words_in_a_row": RUN,
        "training": [{"name": name, "file": str(path), "bytes": path.stat().st_size} for path, name in files],
        "tasks": [_task(line) for line in found.tasks],
        "overlapping": [msgspec.to_builtins(each) for each in found.documents],
        "scores": [] if scores is None else [_scores(row, without, scores) for row, without in scores.rows()],
        "notes": [*said, *sentences(found, scores)],
    }
    return json_text(document)


def _task(line: TaskOverlap) -> dict[str, Any]:
    return {**msgspec.to_builtins(line), "title": task_title(line.task), "share": line.share}


def _scores(row: Row, without: Row | None, scores: ScoresWithout) -> dict[str, Any]:
    return {
        "task": row.task,
        "metric": metric_words(row),
        "key": row.key,
        "all": _score(row),
        "without": None if without is None else _score(without),
        "why_not": scores.gone.get(row.task),
    }


def _score(row: Row) -> dict[str, Any]:
    tested = row.tested
    return {
        "n": row.difference.n if row.difference else row.second.n,
        "first": row.first.value,
        "second": row.second.value,
        "change": row.change,
        "interval": msgspec.to_builtins(row.interval),
        "interval_level": row.level_of_interval,
        "p": tested.p if tested else None,
        "p_holm": tested.p_holm if tested else None,
        "verdict": row.verdict.word if row.verdict else None,
        "sentence": row.verdict.sentence if row.verdict else None,
    }
