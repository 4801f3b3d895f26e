"""Writes a sweep as one self-contained page: curves by everything that was counted, tables, and what follows.

All foreign text is escaped. The page loads nothing and runs nothing (its policy forbids both): which axis is shown is
chosen by radio buttons and styles alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

import msgspec

from benchtui.compare.hybrid.conclusions import SweptConclusions, conclusions, shares
from benchtui.reports.hybrid.style import CURVE, PAGE
from benchtui.reports.hybrid.svg import curve_svg
from benchtui.reports.hybrid.tables import conclusion_table, legend
from benchtui.reports.readme.published import published
from benchtui.reports.style import html_page
from benchtui.reports.wording.hybrid import OF_WORK, cost_sentence, model_words, sentences, task_words
from benchtui.routing.sweeps.records import MEASURES, Measure, SweptTask
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.table import Table

    from benchtui.routing.sweeps.conclude import Conclusion

_SHOWN = "\n".join(
    f".axes > input:nth-of-type({n}):checked ~ figure:nth-of-type({n}) {{ display: block; }}"
    for n in range(1, len(MEASURES) + 1)
)


def sweep_html(found: SweptConclusions) -> str:
    """Return the page; browsers open it from disk."""
    title = f"{_foreign(one_line(found.sweep.small, 60))} and {_foreign(one_line(found.sweep.large, 60))}"
    parts = [f"<h1>{title}</h1>", f"<p>{_foreign(model_words(found.sweep))}</p>"]
    parts.append(f'<p class="sentence">{_text(cost_sentence(found.sweep))}</p>')
    for number, (task, of_metrics) in enumerate(found.tasks):
        alone = msgspec.structs.replace(found.sweep, tasks=(task,))
        by_measure = {
            each: conclusions(alone, found.margin, each).tasks[0][1]
            for each in task.measures
            if each != of_metrics[0].measure
        }
        for place, one in enumerate(of_metrics):
            drawn = {each: one if each == one.measure else by_measure[each][place] for each in task.measures}
            parts += _metric(task, one, drawn, number, place)
    parts += [f"<p>! {_foreign(note)}</p>" for note in found.sweep.notes]
    parts.append(f'<p class="notes">{_text(legend(found))}</p>')
    return html_page(title, f"{CURVE}\n{PAGE}\n{_SHOWN}", parts)


def _metric(
    task: SweptTask, found: Conclusion, drawn: dict[Measure, Conclusion], number: int, place: int
) -> Iterator[str]:
    """Yield heading, curves, table and sentences of one metric; others than a task's main one are folded."""
    is_share = shares(task.metrics[place])
    heading = _text(task_words(task, found))
    yield f"<h2>{heading}</h2>" if not place else f"<details><summary>{heading}</summary>"
    yield _figures(task, drawn, f"axis-{number}-{place}", found.measure, is_share=is_share)
    yield _table(conclusion_table(task, found, is_share=is_share))
    yield from (f"<p>{_text(line)}</p>" for line in sentences(found, is_share=is_share))
    if place:
        yield "</details>"


def _figures(task: SweptTask, drawn: dict[Measure, Conclusion], name: str, first: Measure, *, is_share: bool) -> str:
    """Return the curve by each measure; one is shown, which a radio button chooses where there are several."""
    buttons, figures = [], []
    for measure, found in drawn.items():
        checked = " checked" if measure == first else ""
        hidden = " hidden" if len(drawn) == 1 else ""
        buttons.append(
            f'<input type="radio" name="{name}" id="{name}-{measure}"{checked}{hidden}>'
            f'<label for="{name}-{measure}"{hidden}>{_text(OF_WORK[measure])}</label>'
        )
        about = f"{found.reported:,} documents that no threshold was chosen on" if found.chosen else ""
        svg = curve_svg(found, task_words(task, found), about or "all documents", is_share=is_share)
        figures.append(f"<figure>{svg}</figure>")
    return f'<div class="axes">{"".join(buttons)}{"".join(figures)}</div>'


def _table(found: Table) -> str:
    """Return one of rich's tables as HTML."""
    columns = [[str(getattr(cell, "plain", cell)) for cell in column.cells] for column in found.columns]
    head = "".join(f'<th scope="col">{_text(str(column.header))}</th>' for column in found.columns)
    rows = "".join(
        f'<tr{" class=recommended" if row.style else ""}><th scope="row">{_text(cells[0])}</th>'
        f"{''.join(f'<td>{_text(cell)}</td>' for cell in cells[1:])}</tr>"
        for row, cells in zip(found.rows, zip(*columns, strict=True), strict=True)
    )
    return f'<div class="wide"><table class="results"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _text(text: str) -> str:
    return escape(printable(text, 2000))


def _foreign(text: str) -> str:
    """Text that may name a place on this disk."""
    return escape(published(printable(text, 2000)))
