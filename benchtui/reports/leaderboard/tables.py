"""The leaderboard on a terminal: as much of each cell as the width has room for, the names on the left of every part.

Lines are laid out here and not by rich's tables, which take seconds for two thousand rows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from benchtui.compare.leaderboard.records import Leaderboard
from benchtui.reports.leaderboard.cells import CellWords, usual_n
from benchtui.reports.leaderboard.page import Line, Page, lines_of, page_of
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.leaderboard import Reasons, best_sentences, legend, warnings
from benchtui.reports.wording.verdicts import Tone
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WHOLE = 100_000
"""Columns in a pipe or a file: every part of every cell, in one line a candidate."""

FULL = 120
"""Columns of the sentences there."""

_LEAST_NAME, _NARROWEST_NAME = 24, 8
_LEAST_HEADING = 12
_STYLES: dict[Tone, str] = {"gain": "green", "loss": "red", "warning": "yellow", "muted": "dim"}
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"interval", "difference", "verdict", "p", "seeds"}),
    frozenset({"interval", "verdict"}),
    frozenset({"verdict"}),
    frozenset(),
)
"""What is shown of a cell besides score, n, mark, sign and change, from the widest terminals to the narrowest."""

_OPTIONAL = _LEVELS[0]
_LEFT = ("mark", "sign", "verdict", "n", "seeds", "note")


class _Part(msgspec.Struct, frozen=True):
    """One column of text inside a task's column."""

    name: str
    width: int


class _Laid(msgspec.Struct, frozen=True):
    """A task's column: its heading lines, its parts, and the widths of both."""

    place: int
    heading: tuple[str, ...]
    parts: tuple[_Part, ...]

    @property
    def width(self) -> int:
        return max([_inside(self.parts), *map(_cells, self.heading)])


def _inside(parts: Sequence[_Part]) -> int:
    return sum(part.width for part in parts) + max(len(parts) - 1, 0)


def leaderboard_lines(page: Page, *, width: int = 80, glyphs: Glyphs = UNICODE) -> list[Text]:
    """Return the table with its sentences below. Where not all tasks fit beside each other, further parts with the
    same names follow below."""
    from rich.text import Text

    reasons = Reasons(glyphs)
    lines = [_numbered(line, reasons) for line in lines_of(page, glyphs)]
    found: list[Text] = []
    for block in _blocks(page, lines, width):
        found += [*_block(lines, block, width, glyphs), Text("")]
    room = min(width, FULL)
    found += _sentences(page, reasons, room, glyphs)
    return found


def _sentences(page: Page, reasons: Reasons, room: int, glyphs: Glyphs) -> Iterator[Text]:
    """Yield what is below the table, in lines of at most `room` columns."""
    for sentence in best_sentences(page.board):
        yield from _wrapped(printable(sentence), room, "bold")
    for note in warnings(page.board):
        yield from _wrapped(f"! {printable(note)}", room, "yellow")
    for reason in reasons.lines():
        yield from _wrapped(printable(reason), room, "")
    for told in legend(page.board, glyphs):
        yield from _wrapped(printable(told), room, "dim")


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print a leaderboard in the usual order."""
    print_page(page_of(board), console)


def print_page(page: Page, console: Console) -> None:
    """Print the leaderboard in the width and with the signs that a terminal, a pipe or a file has."""
    for line in leaderboard_lines(page, width=console.width, glyphs=glyphs_for(console.encoding)):
        line.rstrip()
        console.print(line, soft_wrap=True)


def plain_leaderboard(page: Page, *, width: int = WHOLE, glyphs: Glyphs = UNICODE) -> str:
    """Return the same without colour, for files; ends in a newline, lines without trailing blanks."""
    return "".join(f"{line.plain.rstrip()}\n" for line in leaderboard_lines(page, width=width, glyphs=glyphs))


def _numbered(line: Line, reasons: Reasons) -> Line:
    """Put numbers in place of why a cell is not comparable, and of what differs."""
    return msgspec.structs.replace(line, cells=tuple(_with_number(cell, reasons) for cell in line.cells))


def _with_number(cell: CellWords, reasons: Reasons) -> CellWords:
    if cell.tone == "warning" and not cell.change:
        return msgspec.structs.replace(cell, change=reasons.number(cell.verdict), verdict="")
    return msgspec.structs.replace(cell, note=reasons.number(cell.note, comparable=True))


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _blocks(page: Page, lines: Sequence[Line], width: int) -> list[list[_Laid]]:
    """Return the task columns in blocks that fit: one with as much in each cell as there is room for, else several
    with little in each. The column that the rows are sorted by comes first."""
    name = _name_width(lines, width)
    places = sorted(range(len(page.board.columns)), key=lambda place: page.board.columns[place].task != page.sort)
    for left in _LEVELS:
        laid = [_laid(page, lines, place, left) for place in places]
        if name + sum(2 + column.width for column in laid) <= width:
            return [laid]
    blocks: list[list[_Laid]] = [[]]
    room = width - name
    for column in laid:
        if blocks[-1] and 2 + column.width > room:
            blocks.append([])
            room = width - name
        blocks[-1].append(column)
        room -= 2 + column.width
    return blocks


def _name_width(lines: Sequence[Line], width: int) -> int:
    return min(max([len("Model"), *(_cells(line.name) for line in lines)]), max(_LEAST_NAME, 2 * width // 5))


def _laid(page: Page, lines: Sequence[Line], place: int, shown: frozenset[str]) -> _Laid:
    column = page.board.columns[place]
    names = [name for name in CellWords.__struct_fields__ if name not in _OPTIONAL or name in shown]
    parts = []
    for name in names[: names.index("tone")]:
        widest = max((_cells(_bracketed(name, line.cells[place])) for line in lines if line.cells), default=0)
        if widest:
            parts.append(_Part(name, widest))
    heading = textwrap.wrap(one_line(column.title, 60), max(_inside(parts), _LEAST_HEADING)) or [""]
    return _Laid(place, (*heading, _about(page, place)), tuple(parts))


def _about(page: Page, place: int) -> str:
    """Return what is below a task's title: how many samples its scores are over, and which direction is better."""
    n = usual_n(page.board, place)
    words = [f"n {n:,}"] if n is not None else []
    words += [] if page.board.columns[place].higher_is_better else ["less is better"]
    return ", ".join(words)


def _bracketed(name: str, cell: CellWords) -> str:
    text = str(getattr(cell, name))
    if not text:
        return ""
    return f"({text})" if name in ("interval", "difference") else f"p {text}" if name == "p" else text


def _block(lines: Sequence[Line], block: Sequence[_Laid], width: int, glyphs: Glyphs) -> Iterator[Text]:
    from rich.text import Text

    natural = max([len("Model"), *(_cells(line.name) for line in lines)])
    room = width - sum(2 + column.width for column in block)
    name = max(min(natural, room), min(_NARROWEST_NAME, natural))
    deepest = max((len(column.heading) for column in block), default=1)
    for number in range(deepest):
        row = [(("",) * (deepest - len(column.heading)) + column.heading)[number] for column in block]
        last = number == deepest - 1
        head = _padded("Model" if number == max(deepest - 2, 0) else "", name)
        head += "".join(f"  {_padded(text, column.width)}" for text, column in zip(row, block, strict=True))
        if head.strip():
            yield Text(head, style="dim" if last and deepest > 1 else "bold")
    yield Text(glyphs.rest * (name + sum(2 + column.width for column in block)), style="dim")
    for line in lines:
        yield from _row(line, block, name)


def _row(line: Line, block: Sequence[_Laid], width: int) -> Iterator[Text]:
    from rich.text import Text

    if line.kind == "heading":
        yield Text(line.name, style="bold underline")
        return
    first, *rest = _folded(line.name, width)
    made = Text(_padded(first, width), style="" if line.kind == "candidate" else "dim")
    for column in block:
        made.append("  ")
        made.append_text(_cell(line.cells[column.place], column))
    yield made
    yield from (Text(f"  {more}") for more in rest)


def _cell(cell: CellWords, column: _Laid) -> Text:
    from rich.text import Text

    made = Text()
    for part in column.parts:
        text = _bracketed(part.name, cell)
        blank = " " * (part.width - _cells(text))
        style = _STYLES[cell.tone] if part.name in ("sign", "change", "verdict") and cell.sign else ""
        style = "dim" if part.name in ("interval", "difference", "p", "n", "seeds") else style
        if made:
            made.append(" ")
        if part.name not in _LEFT:
            made.append(blank)
        made.append(text, style=style)
        if part.name in _LEFT:
            made.append(blank)
    made.append(" " * (column.width - made.cell_len))
    return made


def _padded(text: str, width: int) -> str:
    return text + " " * max(width - _cells(text), 0)


def _folded(name: str, width: int) -> list[str]:
    """Return a long name in several lines, broken behind a slash where there is one."""
    from rich.cells import chop_cells

    if _cells(name) <= width:
        return [name]
    head = next((end for end in range(len(name) - 1, 0, -1) if name[end - 1] == "/" and _cells(name[:end]) <= width), 0)
    if not head:
        head = len(chop_cells(name, width)[0])
    return [name[:head], *chop_cells(name[head:], width - 2)]


def _wrapped(text: str, width: int, style: str) -> Iterator[Text]:
    """Yield the lines of a sentence, further ones indented; characters that take two columns count as two."""
    from rich.cells import chop_cells
    from rich.text import Text

    line = ""
    for word in (part for whole in text.split() for part in chop_cells(whole, width - 2)):
        if line.strip() and _cells(line) + 1 + _cells(word) > width:
            yield Text(line, style=style)
            line = "  "
        line += word if not line.strip() else f" {word}"
    if line.strip():
        yield Text(line, style=style)
