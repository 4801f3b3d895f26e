"""Write a comparison by token as a page for browsers, and say where it is."""

from __future__ import annotations

from pathlib import Path

from benchtui.files import unwritable, write_run_file
from benchtui.results.tokens import TokensResults
from benchtui.text import one_line
from screens.page import Page
from screens.tokens.reading import Sides

PAGE = "tokens.html"
"""Its name in the folder of the run."""


def write_page(page: Page, found: TokensResults, sides: Sides) -> None:
    """Write the page of a pair, or of one model, in a thread; where it is, or why not, is told on `page`."""

    def write() -> Path:
        from benchtui.reports.tokens.html import tokens_html

        file = found.run / PAGE
        text = tokens_html(found.summary, found.store, pair=(sides.first, sides.second))
        try:
            write_run_file(file, text.encode())
        except OSError as error:
            raise unwritable(file, error) from error
        return file

    def written(file: Path) -> None:
        page.notify(f"Written: {one_line(str(file), 300)}", timeout=8, markup=False)

    page.load(write, written, group="html")
