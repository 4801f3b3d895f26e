"""Draws the leaderboard as a picture of a terminal, for READMEs and slides."""

from __future__ import annotations

import msgspec

from benchtui.reports.leaderboard.page import Page
from benchtui.reports.leaderboard.tables import print_page
from benchtui.reports.picture import terminal_svg
from benchtui.reports.readme.published import published

COLUMNS = 120


def leaderboard_svg(page: Page) -> str:
    """Return one SVG, as wide as a terminal of COLUMNS."""
    shown = _published(page)
    return terminal_svg("benchtui leaderboard", COLUMNS, lambda console: print_page(shown, console))


def _published(page: Page) -> Page:
    """Return the page without folders of this disk in its names."""
    candidates = tuple(msgspec.structs.replace(each, name=published(each.name)) for each in page.board.candidates)
    groups = tuple((published(name), places) for name, places in page.groups)
    board = msgspec.structs.replace(page.board, candidates=candidates)
    return msgspec.structs.replace(page, board=board, groups=groups)
