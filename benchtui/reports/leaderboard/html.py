"""Writes the leaderboard as one self-contained page that sorts and filters without a network.

All foreign text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchtui.compare.leaderboard.records import AXES, Axis, Cell, Column
from benchtui.reports.leaderboard.cells import CellWords, usual_n
from benchtui.reports.leaderboard.markdown import note_words, score_words
from benchtui.reports.leaderboard.page import Line, Page, lines_of
from benchtui.reports.leaderboard.pareto import TITLES, cost_words
from benchtui.reports.leaderboard.script import SCRIPT, STYLE
from benchtui.reports.readme.published import published
from benchtui.reports.style import html_page
from benchtui.reports.wording.leaderboard import best_sentences, legend, warnings
from benchtui.text import one_line, printable

TITLE = "Leaderboard"


def leaderboard_html(page: Page) -> str:
    """Return the page; browsers open it from disk."""
    parts = [
        f"<h1>{TITLE}</h1>",
        *(f'<p class="sentence">{_text(sentence)}</p>' for sentence in best_sentences(page.board)),
        *(f"<p>! {_text(note)}</p>" for note in warnings(page.board)),
        '<p hidden><label>Filter <input id="filter" type="search" autocomplete="off"/></label></p>',
        _table(page),
        f'<ul class="notes">{"".join(f"<li>{_text(told)}</li>" for told in legend(page.board))}</ul>',
    ]
    return html_page(TITLE, STYLE, parts, script=SCRIPT)


def _text(text: str, limit: int = 3000) -> str:
    return escape(published(printable(text, limit)))


def _table(page: Page) -> str:
    axes = [axis for axis in AXES if any(candidate.facts.cost(axis) for candidate in page.board.candidates)]
    heads = [
        '<th scope="col" data-up="1" data-text="1"><button>Model</button></th>',
        *(_heading(page, place) for place in range(len(page.board.columns))),
        *(f'<th scope="col" data-up="{int(axis != "speed")}"><button>{TITLES[axis]}</button></th>' for axis in axes),
    ]
    width = len(heads)
    bodies: list[list[str]] = [[]]
    for line in lines_of(page):
        if line.kind == "heading":
            bodies.append([f'<tr class="group"><th colspan="{width}">{_text(line.name)}</th></tr>'])
        else:
            bodies[-1].append(_row(page, line, axes))
    body = "".join(f"<tbody>{''.join(rows)}</tbody>" for rows in bodies if rows)
    return f'<div class="wide"><table class="board"><thead><tr>{"".join(heads)}</tr></thead>{body}</table></div>'


def _heading(page: Page, place: int) -> str:
    column, n = page.board.columns[place], usual_n(page.board, place)
    about = [f"n {n:,}"] if n is not None else []
    about += [] if column.higher_is_better else ["less is better"]
    below = f"<small>{', '.join(about)}</small>" if about else ""
    up = "0" if column.higher_is_better else "1"
    return f'<th scope="col" data-up="{up}"><button>{_text(one_line(column.title, 80))}</button>{below}</th>'


def _row(page: Page, line: Line, axes: Sequence[Axis]) -> str:
    name = _text(line.name.strip())
    if line.place is None:
        cells = [_cell(cell, None, None) for cell in line.cells] or ["<td></td>"] * len(page.board.columns)
        return f'<tr class="below"><th scope="row">{name}</th>{"".join([*cells, *["<td></td>"] * len(axes)])}</tr>'
    candidate = page.board.candidates[line.place]
    whole = zip(line.cells, page.board.cells[line.place], page.board.columns, strict=True)
    cells = [_cell(words, cell, column) for words, cell, column in whole]
    cells += [_cost(candidate.facts.cost(axis), axis) for axis in axes]
    return f'<tr><th scope="row" data-v="{name}">{name}</th>{"".join(cells)}</tr>'


def _cost(value: float | None, axis: Axis) -> str:
    return f'<td data-v="{value!r}">{cost_words(value, axis)}</td>' if value else "<td></td>"


def _cell(words: CellWords, cell: Cell | None, column: Column | None) -> str:
    """Return a score with its interval, its change below, and the verdict's sentence for who points at it."""
    known = cell is not None and cell.value is not None and math.isfinite(cell.value)
    value = f' data-v="{cell.value!r}"' if cell is not None and known else ""
    verdict = cell.row.verdict if cell is not None and cell.row is not None else None
    hint = f' title="{_text(verdict.sentence)}"' if verdict is not None and column is not None else ""
    return f"<td{value}{hint}>{_text(score_words(words))}{''.join(_below(words))}</td>"


def _below(words: CellWords) -> Iterator[str]:
    """Yield the change and its interval, or why there is none."""
    if words.sign and not words.change:
        yield f'<small class="why">{_text(f"{words.sign} {words.verdict}")}</small>'
    elif words.change:
        tone = words.tone if words.tone in ("gain", "loss") else "nothing"
        yield f'<span class="change {tone}">{_text(f"{words.sign} {words.change} {words.verdict}".strip())}</span>'
        ends = [words.difference, f"p {words.p}" if words.p else ""]
        yield f"<small>{_text(', '.join(filter(None, ends)))}</small>"
        if words.note:
            yield f'<small class="why">{_text(note_words(words))}</small>'
