"""Draws the curve of a sweep in a terminal: the score over the large model's work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchtui.reports.hybrid.lines import NAMES, DrawnLine, Name, drawn_lines, drawn_points, reach
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.hybrid import OF_WORK, number_words

if TYPE_CHECKING:
    from rich.text import Text

    from benchtui.routing.sweeps.conclude import Conclusion

ROWS = 13
"""Lines of the plot itself."""
_LEFT = 8
_SIGNS: dict[Name, tuple[str, str]] = {
    "oracle": ("∘", "'"),
    "line": ("·", "."),
    "random": ("~", "~"),
    "curve": ("•", "*"),
}
"""For terminals that have them, and for those that do not."""
_POINTS = {"small": "S", "large": "L"}


def curve_lines(found: Conclusion, width: int, *, is_share: bool, glyphs: Glyphs = UNICODE) -> Iterator[Text]:
    """Yield the lines of a plot of at most `width` columns: the plot, its axis, and what the signs mean."""
    from rich.text import Text

    lines, points = drawn_lines(found), drawn_points(found, is_share=is_share)
    low, high = reach(lines)
    room = max(width - _LEFT - 1, 20)
    canvas = [[" "] * room for _ in range(ROWS)]

    def row(score: float) -> int:
        return min(max(round((high - score) / (high - low) * (ROWS - 1)), 0), ROWS - 1)

    for line in lines:
        for column in range(room):
            canvas[row(line.at(column / (room - 1)))][column] = _sign(line.name, glyphs)
    for point in points:
        column = round(point.share * (room - 1))
        canvas[row(point.score)][column] = _point(point.kind, glyphs)
    for number, cells in enumerate(canvas):
        at = high - number / (ROWS - 1) * (high - low)
        label = number_words(at, is_share=is_share) if number in (0, ROWS // 2, ROWS - 1) else ""
        edge = "┤" if glyphs is UNICODE and label else "│" if glyphs is UNICODE else "|"
        yield Text(f"{label:>{_LEFT - 1}}{edge}{''.join(cells)}".rstrip())
    middle, right = "50 %", "100 %"
    left = f"0 %{middle:>{room // 2 - 1}}"
    yield Text(f"{'':{_LEFT}}{left}{right:>{room - len(left)}}", style="dim")
    yield Text(f"{'':{_LEFT}}{OF_WORK[found.measure]}, by what it does alone", style="dim")
    yield from _key(lines, {point.kind for point in points}, width, glyphs)


def _sign(name: Name, glyphs: Glyphs) -> str:
    return _SIGNS[name][0 if glyphs is UNICODE else 1]


def _point(kind: str, glyphs: Glyphs) -> str:
    other = {"asked": "●", "recommended": "◆"} if glyphs is UNICODE else {"asked": "o", "recommended": "#"}
    return _POINTS.get(kind) or other[kind]


def _key(lines: tuple[DrawnLine, ...], kinds: set[str], width: int, glyphs: Glyphs) -> Iterator[Text]:
    """Yield the meaning of the signs, in as many lines as they need."""
    from rich.text import Text

    names = {"asked": "threshold", "recommended": "recommended", "small": "small only", "large": "large only"}
    told = [f"{_point(kind, glyphs)} {name}" for kind, name in names.items() if kind in kinds]
    told += [f"{_sign(line.name, glyphs)} {NAMES[line.name]}" for line in reversed(lines)]
    room, line = width - _LEFT, ""
    for each in told:
        if line and len(line) + len(each) + 3 > room:
            yield Text(f"{'':{_LEFT}}{line}", style="dim")
            line = ""
        line = f"{line}   {each}" if line else each
    yield Text(f"{'':{_LEFT}}{line}", style="dim")
