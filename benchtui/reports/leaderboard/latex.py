"""Writes the leaderboard as a LaTeX table that needs no packages, in ASCII.

What no plain LaTeX can typeset, such as Chinese characters, is written as its code point: [U+65E5].
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from benchtui.reports.leaderboard.cells import CellWords, usual_n
from benchtui.reports.leaderboard.page import Line, Page, lines_of
from benchtui.reports.readme.published import published
from benchtui.reports.wording.leaderboard import Reasons, best_sentences, legend, warnings
from benchtui.text import one_line, printable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedblright{}",
    "\t": " ",
    "\n": " ",
    "[": "{[}",  # an argument of the line's end above, where a row begins with it; so is a star
    "]": "{]}",
    "*": "{*}",
    "`": r"\`{}",
    "\u00a0": "~",
    "–": r"\textendash{}",
    "…": r"\ldots{}",
    "−": "$-$",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "·": r"$\cdot$",
    "✕": r"$\times$",
    "★": r"$\star$",
    "≈": r"$\approx$",
    "≥": r"$\geq$",
    "◐": r"$\circ$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
}
_LIGATURE = re.compile(r"([-',])(?=\1)")
"""Two hyphens would become a dash, two quotes one."""
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}


def leaderboard_latex(page: Page) -> str:
    r"""Return a `table` with one `tabular`, its sentences below; ends in a newline. Further rows of a long one run off
    the page: name fewer models, or put the rows into a `longtable`."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    tasks = range(len(page.board.columns))
    reasons = Reasons()
    yield "% Made by `benchtui leaderboard --format latex`; needs no packages."
    yield r"\begin{table}"
    yield r"\begin{tabular}{l" + "rl" * len(tasks) + "}"
    yield r"\hline"
    yield " & ".join(["Model", *(_heading(page, place) for place in tasks)]) + r" \\"
    yield r"\hline"
    for line in lines_of(page):
        yield _row(line, len(tasks), reasons)
    yield r"\hline"
    yield r"\end{tabular}"
    told = [*best_sentences(page.board), *warnings(page.board), *reasons.lines(), *legend(page.board)]
    yield r"\par\smallskip\footnotesize"
    yield from (rf"{latex(published(sentence), 3000)}\par" for sentence in told)
    yield r"\end{table}"


def _heading(page: Page, place: int) -> str:
    column, n = page.board.columns[place], usual_n(page.board, place)
    about = [f"$n={n}$"] if n is not None else []
    about += [] if column.higher_is_better else ["less is better"]
    words = latex(published(column.title), 80) + (f" ({', '.join(about)})" if about else "")
    return rf"\multicolumn{{2}}{{l}}{{{words}}}"


def _row(line: Line, tasks: int, reasons: Reasons) -> str:
    name = latex(published(line.name.strip()))
    if line.kind == "heading":
        return rf"\multicolumn{{{1 + 2 * tasks}}}{{l}}{{\textbf{{{name}}}}} \\"
    name = name if line.kind == "candidate" else rf"\quad {name}"
    cells = [part for cell in line.cells for part in _cell(cell, reasons)]
    return " & ".join([name, *cells, *[""] * (2 * tasks - len(cells))]) + r" \\"


def _cell(cell: CellWords, reasons: Reasons) -> tuple[str, str]:
    """Return the score, and its change with the sign of the verdict."""
    ends = f"({cell.interval})" if cell.interval else ""
    score = " ".join(filter(None, (cell.mark, cell.score, ends, cell.n, cell.seeds)))
    if cell.sign and not cell.change:
        number = reasons.number(cell.verdict) if cell.tone == "warning" else cell.verdict
        return latex(score), latex(f"{cell.sign} {number}")
    ends = f"({cell.difference})" if cell.difference else ""
    p = f"p {cell.p}" if cell.p else ""
    return latex(score), latex(
        " ".join(filter(None, (cell.sign, cell.change, ends, p, reasons.number(cell.note, comparable=True))))
    )


def latex(text: str, limit: int = 300) -> str:
    """Return foreign text as one line of LaTeX in which every character means only itself."""
    written = "".join(map(_character, one_line(printable(text), limit)))
    return _LIGATURE.sub(r"\1{}", written)


def _character(one: str) -> str:
    if one in _SPECIAL:
        return _SPECIAL[one]
    if one.isascii():
        return one
    parts = unicodedata.normalize("NFD", one)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"{{[}}U+{ord(one):04X}{{]}}"
