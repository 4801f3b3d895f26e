"""Draws the leaderboard as a picture of a terminal, for READMEs and slides."""

from __future__ import annotations

import io
import re

import msgspec

from benchtui.reports.leaderboard.page import Page
from benchtui.reports.leaderboard.tables import print_page
from benchtui.reports.readme.published import published

COLUMNS = 120
_NO_XML = re.compile("[\ufffe\uffff]")


def leaderboard_svg(page: Page) -> str:
    """Return one SVG, as wide as a terminal of COLUMNS."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    console = Console(record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, color_system="truecolor")
    print_page(_published(page), console)
    return _NO_XML.sub("", console.export_svg(title="benchtui leaderboard", theme=MONOKAI))


def _published(page: Page) -> Page:
    """Return the page without folders of this disk in its names."""
    candidates = tuple(msgspec.structs.replace(each, name=published(each.name)) for each in page.board.candidates)
    groups = tuple((published(name), places) for name, places in page.groups)
    board = msgspec.structs.replace(page.board, candidates=candidates)
    return msgspec.structs.replace(page, board=board, groups=groups)
