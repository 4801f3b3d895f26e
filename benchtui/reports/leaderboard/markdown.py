"""Writes the leaderboard as Markdown, for READMEs, issues and `benchtui leaderboard --format markdown`."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.reports.leaderboard.cells import CellWords, usual_n
from benchtui.reports.leaderboard.page import Line, Page, lines_of
from benchtui.reports.markdown import escape, table
from benchtui.reports.readme.published import published
from benchtui.reports.wording.leaderboard import best_sentences, legend, warnings
from benchtui.text import printable


def leaderboard_markdown(page: Page) -> str:
    """Return the table, who is best, what differs, and how it was judged; ends in a newline."""
    parts = [leaderboard_rows(page)]
    best = best_sentences(page.board)
    if best:
        parts.append("\n".join(f"- **{_text(sentence)}**" for sentence in best))
    told = [*(f"Note: {note}" for note in warnings(page.board)), *legend(page.board)]
    parts.append("\n".join(f"- {_text(note)}" for note in told))
    return "\n\n".join(part for part in parts if part) + "\n"


def leaderboard_part(page: Page) -> str:
    """Return the same as a part of a README's section."""
    return f"### Leaderboard\n\n{leaderboard_markdown(page)}"


def leaderboard_rows(page: Page) -> str:
    """Return the table alone."""
    header = ["Model", *(_heading(page, place) for place in range(len(page.board.columns)))]
    return table(header, [_row(line, len(header)) for line in lines_of(page)])


def _text(text: str) -> str:
    return escape(published(printable(text)), 2000)


def _heading(page: Page, place: int) -> str:
    column, n = page.board.columns[place], usual_n(page.board, place)
    about = [f"n {n:,}"] if n is not None else []
    about += [] if column.higher_is_better else ["less is better"]
    return _text(column.title) + (f" ({', '.join(about)})" if about else "")


def _row(line: Line, width: int) -> list[str]:
    margin = "&nbsp;&nbsp;" if line.kind in ("seed", "run") else ""
    name = margin + _text(line.name)
    if line.kind == "heading":
        name = f"**{name}**"
    return [name, *map(_cell, line.cells), *[""] * (width - 1 - len(line.cells))]


def _cell(cell: CellWords) -> str:
    """Return the score, and its change below it."""
    return "<br>".join(_text(words) for words in (score_words(cell), change_words(cell)) if words)


def score_words(cell: CellWords) -> str:
    """Return the first line of a cell: "★ 77.6% (71.2 to 82.9), 150 of 192"."""
    ends = f"({cell.interval})" if cell.interval else ""
    return _joined([" ".join(filter(None, (cell.mark, cell.score, ends))), cell.n, cell.seeds])


def change_words(cell: CellWords) -> str:
    """Return the second line of a cell: "▲ +49.0 (39.9 to 56.7), p <0.001, excellent", with what differs; that alone
    for one that is not comparable."""
    ends = f"({cell.difference})" if cell.difference else ""
    change = " ".join(filter(None, (cell.sign, cell.change, ends)))
    if cell.sign and not cell.change:
        return f"{cell.sign} {cell.verdict}".strip()
    return _joined([change, f"p {cell.p}" if cell.p else "", cell.verdict, note_words(cell)])


def note_words(cell: CellWords) -> str:
    """Return what differs between two runs that are compared."""
    return f"! the runs differ in {cell.note}" if cell.note else ""


def _joined(words: Sequence[str]) -> str:
    return ", ".join(filter(None, words))
