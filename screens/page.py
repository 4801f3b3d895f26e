"""What every screen has: a first line that says where one is, a place for problems, a footer with the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from screens.background import in_background
from screens.navigator import Navigator
from screens.settings import Settings
from screens.themes import Colours, colours
from screens.widgets.notice import Notice
from screens.widgets.top_line import TopLine

T = TypeVar("T")


class Page(Screen[Any]):
    """A full screen. Sub-classes give `body`, `HELP` (for F1) and their own bindings."""

    HELP: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="To where you came from"),
    ]

    def body(self) -> ComposeResult:
        yield from ()

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield Notice()
        yield from self.body()
        yield Footer(compact=True, show_command_palette=False)

    @property
    def navigator(self) -> Navigator:
        return cast("Navigator", self.app)

    @property
    def settings(self) -> Settings:
        return self.navigator.settings

    @property
    def colours(self) -> Colours:
        return colours(self.app)

    def crumbs(self, *way: str, right: str = "") -> None:
        self.query_one(TopLine).set(*way, right=right)

    def tell(self, what: str, next_step: str = "") -> None:
        self.query_one(Notice).tell(what, next_step)

    def clear_notice(self) -> None:
        self.query_one(Notice).clear()

    def load(
        self,
        job: Callable[[], T],
        done: Callable[[T], None],
        *,
        group: str,
        failed: Callable[[str, str], None] | None = None,
    ) -> None:
        """Run `job` in a thread, then `done` with what it gives; problems are shown on the screen."""
        in_background(self, job, done, failed or self.tell, group=group)

    def action_copy_text(self) -> None:
        """Copy the selected text (Ctrl+C)."""
        selected = self.get_selected_text()
        if not selected:
            raise SkipAction  # then it means to leave
        self.navigator.copy(selected, "the selected text")
        self.clear_selection()

    def action_back(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()
