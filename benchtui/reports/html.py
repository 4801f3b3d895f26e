"""Writes the comparison as one self-contained page: table, chart of the differences, the samples that changed side.

All foreign text is escaped; the page loads nothing and runs nothing (its policy forbids both).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from benchtui.compare.documents import Document
from benchtui.compare.flipped import Flipped, flipped_samples
from benchtui.compare.health import caveats, row_health
from benchtui.compare.records import Comparison, Row, Side
from benchtui.reports.chart import differences_chart
from benchtui.reports.readme.published import published
from benchtui.reports.style import html_page
from benchtui.reports.tables import shown_rows
from benchtui.reports.wording.notes import p_note, populations, run_notes
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.repeats import repeats_of
from benchtui.reports.wording.scores import (
    NEW_TASKS,
    SHRUNK,
    change_words,
    difference_interval,
    interval_heading,
    interval_words,
    label,
    metric_words,
    new_tasks_words,
    p_cell,
    row_n,
    shrunk_words,
)
from benchtui.reports.wording.speed import speed_words
from benchtui.reports.wording.two_models import two_model_words
from benchtui.reports.wording.verdicts import verdict_cell
from benchtui.results.records import RunResults
from benchtui.text import printable

MAX_TEXT = 4_000
"""Characters of a prompt or an answer that are shown; the two ends matter most to the reader, so the middle is cut."""

MAX_FLIPS = 40
_HEADER = ("Benchmark", "{first}", "{second}", "Change", "{interval}", "p", "n", "Verdict")


def comparison_html(comparison: Comparison) -> str:
    """Return the page; browsers open it from disk."""
    title = f"{_text(comparison.second.model_name)} against {_text(comparison.first.model_name)}"
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="sentence">{_text(comparison.sentence, 10_000)}</p>',
        _table(comparison),
        (
            f"<figure>{differences_chart(comparison)}<figcaption>Difference in points, with its interval. "
            "Right of the line is better. Below each score in the table stands its own 95&nbsp;% CI (confidence "
            f"interval). {_text(_about(comparison))}</figcaption></figure>"
        ),
        "<h2>Verdicts</h2>",
        _verdicts(comparison),
        _notes(comparison),
        *_parts(comparison),
        "<h2>Runs</h2>",
        _runs(comparison),
        "<h2>Samples that changed side</h2>",
        *_all_flips(comparison),
    ]
    return html_page(title, "", parts)


def _text(text: str, limit: int = 1000) -> str:
    """Return our own text about the runs without folders and passwords, since a page is passed on."""
    return escape(published(printable(text, limit)))


def _shortened(text: str) -> str:
    """Return both ends of a long text, and how much was left out."""
    text = printable(text)
    if len(text) <= MAX_TEXT:
        return escape(text)
    half = MAX_TEXT // 2
    return f"{escape(text[:half])}\n<em>… {len(text) - 2 * half} characters …</em>\n{escape(text[-half:])}"


def _about(comparison: Comparison) -> str:
    """Return what p-values and intervals of the table are."""
    return f"{p_note(comparison, shown_rows(comparison))} {populations(comparison)}".strip()


def _table(comparison: Comparison) -> str:
    names = {
        "first": _text(comparison.first_name),
        "second": _text(comparison.second_name),
        "interval": interval_heading(comparison),
    }
    head = "".join(f'<th scope="col">{name.format(**names)}</th>' for name in _HEADER)
    return (
        f'<div class="wide"><table class="results"><thead><tr>{head}</tr></thead><tbody>'
        f"{''.join(_table_row(comparison, row) for row in shown_rows(comparison))}</tbody></table></div>"
    )


def _table_row(comparison: Comparison, row: Row) -> str:
    cells = (
        change_words(row),
        difference_interval(row),
        p_cell(row),
        row_n(row),
        verdict_cell(row),
    )
    name = f'<th scope="row" title="{_text(metric_words(row))}">{_text(label(row, comparison))}</th>'
    scores = f"{_score(row.first, row)}{_score(row.second, row)}"
    rest = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
    return f'<tr class="{row.level} {_tone(row)}">{name}{scores}{rest}</tr>{_health(comparison, row)}'


def _health(comparison: Comparison, row: Row) -> str:
    """Return notes about the answers behind a row, below it; once for all metrics of a task."""
    words = row_health(row, comparison) if row.level != "detail" else []
    if not words:
        return ""
    return f'<tr class="health"><td></td><td colspan="{len(_HEADER) - 1}">{_text("; ".join(words))}</td></tr>'


def _score(side: Side, row: Row) -> str:
    """Return a score above its own 95 % interval."""
    ends = interval_words(side, is_share=row.is_share)
    below = f"<small>{_text(ends)}</small>" if ends else ""
    return f"<td>{_text(score_words(side.value, is_share=row.is_share))}{below}</td>"


def _tone(row: Row) -> str:
    if row.verdict is None or row.level != "headline":
        return ""
    return "gain" if row.verdict.kind.is_gain else "loss" if row.verdict.kind.is_loss else "nothing"


def _verdicts(comparison: Comparison) -> str:
    items = [
        f"<li><b>{_text(row.title)}</b>: {_text(row.verdict.sentence)}</li>"
        for row in comparison.headlines
        if row.verdict is not None
    ]
    items += [
        f"<li><b>{_text(row.title)}</b>. {NEW_TASKS}: {_text(words)}</li>"
        for row in comparison.headlines
        if (words := new_tasks_words(row))
    ]
    return f"<ul>{''.join(items)}</ul>"


def _parts(comparison: Comparison) -> Iterator[str]:
    """Return the tasks inside groups, folded: each one's own change, and its change estimated together with its
    neighbours'."""
    rows = [row for row in comparison.rows if row.shrunk is not None]
    if not rows:
        return
    body = "".join(
        f'<tr><th scope="row">{_text(label(row, comparison))}</th><td>{_text(row_n(row))}</td>'
        f"<td>{_text(change_words(row))}</td><td>{_text(shrunk_words(row))}</td></tr>"
        for row in rows
    )
    yield (
        f"<details><summary>The {len(rows)} tasks inside groups</summary><p>{SHRUNK}: the change of a task, drawn "
        "towards the mean of its group by as much as chance may have made it, with the interval that this leaves.</p>"
        f'<table><thead><tr><th scope="col">Task</th><th scope="col">n</th><th scope="col">Change</th>'
        f'<th scope="col">{SHRUNK}</th></tr></thead><tbody>{body}</tbody></table></details>'
    )


def _notes(comparison: Comparison) -> str:
    told = [*caveats(comparison), *run_notes(comparison)]  # notes about answers are below their rows
    return f'<ul class="notes">{"".join(f"<li>{_text(note)}</li>" for note in told)}</ul>' if told else ""


def _runs(comparison: Comparison) -> str:
    rows = [
        ("Model", *(_text(run.model_name) for run in _both(comparison))),
        ("Evaluated", *(f"{run.created:%Y-%m-%d %H:%M}" for run in _both(comparison))),
        ("State", *(_text(run.state) for run in _both(comparison))),
        ("Speed", *(_text(speed_words(run)) for run in _both(comparison))),
    ]
    routed = tuple(". ".join(two_model_words(run)) for run in _both(comparison))
    rows += [("Two models", *map(_text, routed))] if any(routed) else []
    told = [tuple(". ".join(repeats_of(run)) for run in _both(comparison))]
    rows += [("Several answers", *map(_text, words)) for words in told if any(words)]
    names = dict.fromkeys(setting.name for run in _both(comparison) for setting in run.settings)
    set_in_one = [
        name for name in names if any(run.setting(name) not in (None, "not set") for run in _both(comparison))
    ]
    rows += [(_text(name), *(_text(run.setting(name) or "") for run in _both(comparison))) for name in set_in_one]
    body = "".join(f'<tr><th scope="row">{a}</th><td>{b}</td><td>{c}</td></tr>' for a, b, c in rows)
    head = f"<th></th><th>{_text(comparison.first_name)}</th><th>{_text(comparison.second_name)}</th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _both(comparison: Comparison) -> tuple[RunResults, RunResults]:
    return comparison.first, comparison.second


def _all_flips(comparison: Comparison) -> Iterator[str]:
    for row in comparison.headlines:
        if row.flips is None:
            continue
        flips, found = row.flips, flipped_samples(comparison, row, MAX_FLIPS)
        yield (
            f"<h3>{_text(row.title)}</h3><p>{flips.fixed} fixed, {flips.broken} broken, {flips.both_right} right in "
            f"both, {flips.both_wrong} wrong in both.{_shown(found, flips.fixed + flips.broken)}</p>"
        )
        yield from (_flip(flip, comparison) for flip in found)


def _shown(found: Sequence[Flipped], every: int) -> str:
    return f" {len(found)} of the {every} that changed follow." if len(found) < every else ""


def _flip(flip: Flipped, comparison: Comparison) -> str:
    word = "▲ fixed" if flip.fixed else "▼ broken"
    return (
        f'<details class="{"gain" if flip.fixed else "loss"}"><summary>{word}: {_text(flip.task, 80)}, sample '
        f"{flip.second.doc_id}</summary><h4>Question</h4><pre>{_shortened(flip.second.question)}</pre>"
        f"{_whole_prompt(flip.second)}"
        f"<h4>Target</h4><pre>{_shortened(flip.second.target)}</pre>"
        f"<h4>{_text(comparison.first_name)}</h4>{_answer(flip.first)}"
        f"<h4>{_text(comparison.second_name)}</h4>{_answer(flip.second)}</details>"
    )


def _whole_prompt(document: Document) -> str:
    """Return the prompt with examples and chat markup, folded; "" where it is only the question."""
    if document.prompt.strip() == document.question.strip():
        return ""
    return f"<details><summary>The whole prompt</summary><pre>{_shortened(document.prompt)}</pre></details>"


def _answer(document: Document) -> str:
    taken = f"<p>Taken as</p><pre>{_shortened(document.extracted)}</pre>" if document.extracted else ""
    return f"<pre>{_shortened(document.answer)}</pre>{taken}"
