"""Writes a table with sentences below it in every format: what the pairwise matrix, the steps and the costs have in
common."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape as html_escape
from typing import TYPE_CHECKING, Any

from benchtui.reports import markdown
from benchtui.reports.exports import cell
from benchtui.reports.hybrid.style import CURVE
from benchtui.reports.leaderboard.latex import latex
from benchtui.reports.readme.published import published
from benchtui.reports.style import html_page
from benchtui.reports.wording.verdicts import Tone
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

NAME = 60
"""Characters of a candidate's name in a table."""
SHORTEST_NAME = 14
_STYLES: dict[str, str] = {"gain": "green", "loss": "red", "warning": "yellow", "muted": "dim", "": ""}
PICTURE = 110
"""Columns of a terminal's picture."""


def short_name(name: str, limit: int = NAME) -> str:
    """Return a candidate's name as one line of at most `limit` characters; what is cut out of a longer one is its
    middle, since names of one model differ at their ends."""
    limit, name = min(max(limit, SHORTEST_NAME), NAME), one_line(name, 500)
    if len(name) <= limit:
        return name
    tail = 2 * limit // 3
    return f"{name[: limit - tail - 1]}…{name[-tail:]}"


@dataclass(frozen=True)
class Words:
    """The text of one cell, and what its colour says beside it."""

    text: str
    tone: Tone | None = None


@dataclass(frozen=True)
class Sheet:
    """A table: `align` has "l", "r" or "c" (a plot, never wrapped) for each column. `svg` is drawn above it on a page,
    `sentences` are below it."""

    title: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[Words, ...], ...]
    sentences: tuple[str, ...] = ()
    svg: str = ""


def sheets_view(sheets: Sequence[Sheet]) -> RenderableType:
    """Return the tables for a terminal, to be printed by rich. All foreign text is plain text."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for number, sheet in enumerate(sheets):
        parts += [Text("")] if number else []
        parts.append(Text(printable(sheet.title), style="bold"))
        parts.append(sheet_table(sheet))
        parts += [Text(printable(sentence), style="dim") for sentence in sheet.sentences]
    return Group(*parts)


def sheet_table(sheet: Sheet) -> RenderableType:
    """Return the table alone."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, side in zip(sheet.header, sheet.align, strict=True):
        made.add_column(Text(one_line(name, NAME)), justify="right" if side == "r" else "left", no_wrap=side in "rc")
    for row in sheet.rows:
        made.add_row(*(Text(one_line(words.text, 200), style=_STYLES[words.tone or ""]) for words in row))
    return made


def _published(sheet: Sheet) -> Sheet:
    """Return a table without folders of this disk in its names, for what is passed on."""
    rows = tuple(tuple(replace(words, text=published(words.text)) for words in row) for row in sheet.rows)
    sentences = tuple(map(published, sheet.sentences))
    return replace(sheet, title=published(sheet.title), rows=rows, sentences=sentences)


def sheets_markdown(sheets: Iterable[Sheet]) -> str:
    """Return the tables as Markdown; ends in a newline."""
    parts = []
    for sheet in map(_published, sheets):
        rows = [[markdown.escape(words.text) for words in row] for row in sheet.rows]
        table = markdown.table([markdown.escape(name) for name in sheet.header], rows, sheet.align)
        said = [markdown.escape(sentence, 1_000) for sentence in sheet.sentences]
        parts.append("\n\n".join([f"**{markdown.escape(sheet.title)}**", table, *said]))
    return "\n\n".join(parts) + "\n"


def sheets_latex(sheets: Iterable[Sheet]) -> str:
    r"""Return a `table` for each, its sentences below; needs no packages; ends in a newline."""
    parts = []
    for sheet in map(_published, sheets):
        rows = (" & ".join(latex(words.text) for words in row) for row in sheet.rows)
        parts += [
            r"\begin{table}",
            rf"\textbf{{{latex(sheet.title)}}}\par\smallskip",
            rf"\begin{{tabular}}{{{sheet.align.replace('c', 'l')}}}",
            r"\hline",
            " & ".join(latex(name) for name in sheet.header) + r" \\",
            r"\hline",
            *(row + r" \\" for row in rows),
            r"\hline",
            r"\end{tabular}",
            r"\par\smallskip\footnotesize",
            *(rf"{latex(sentence, 3000)}\par" for sentence in sheet.sentences),
            r"\end{table}",
        ]
    return "\n".join(parts) + "\n"


def sheets_html(title: str, sheets: Iterable[Sheet]) -> str:
    """Return one page that loads nothing and runs nothing."""
    parts = [f"<h1>{_html(title)}</h1>"]
    for sheet in map(_published, sheets):
        sides = ["right" if side == "r" else "left" for side in sheet.align]
        head = "".join(
            f'<th style="text-align:{side}">{_html(name)}</th>' for side, name in zip(sides, sheet.header, strict=True)
        )
        lines = [
            "".join(
                f'<td style="text-align:{side}"{_class(words.tone)}>{_html(words.text)}</td>'
                for side, words in zip(sides, row, strict=True)
            )
            for row in sheet.rows
        ]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        parts += [
            f"<h2>{_html(sheet.title)}</h2>",
            f"<figure>{sheet.svg}</figure>" if sheet.svg else "",
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
            *(f'<p class="notes">{_html(sentence)}</p>' for sentence in sheet.sentences),
        ]
    colours = "td.gain { color: var(--gain); } td.loss { color: var(--loss); } td.muted { color: var(--quiet); }"
    rule = ":root { --rule: #0969da; } @media (prefers-color-scheme: dark) { :root { --rule: #58a6ff; } }"
    return html_page(_html(title), f"{CURVE}\n{rule}\n{colours}", parts)


def _html(text: str) -> str:
    return html_escape(printable(text, 1_000))


def _class(tone: Tone | None) -> str:
    return f' class="{tone}"' if tone else ""


def sheets_svg(title: str, sheets: Sequence[Sheet]) -> str:
    """Return a picture of a terminal as one SVG that loads nothing."""
    from benchtui.reports.picture import terminal_svg

    shown = [_published(sheet) for sheet in sheets]
    wide = max([PICTURE, *(sum(_widths(sheet)) + 2 * len(sheet.header) for sheet in shown)])
    return terminal_svg(title, wide, lambda console: console.print(sheets_view(shown)))


def _widths(sheet: Sheet) -> list[int]:
    lines = [tuple(sheet.header), *(tuple(words.text for words in row) for row in sheet.rows)]
    return [max(len(line[place]) for line in lines) for place in range(len(sheet.header))]


def records_csv(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return one line a record under a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: cell(record[name]) for name in columns})
    return buffer.getvalue()
