"""Log lines that follow what is new until somebody scrolls back."""

from __future__ import annotations

from textual.widgets import Log


class LogLines(Log):
    """At most `max_lines` are kept; going to the end follows again."""

    HELP = "What the run says, newest last. Scroll up to hold it; End follows again. Select with the mouse to copy."

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value >= self.max_scroll_y:
            self.auto_scroll = True

    def on_resize(self) -> None:
        if self.auto_scroll:
            self.call_after_refresh(self.scroll_end, animate=False)

    def on_mouse_scroll_up(self) -> None:
        self.auto_scroll = False

    def action_scroll_up(self) -> None:
        self.auto_scroll = False
        super().action_scroll_up()

    def action_page_up(self) -> None:
        self.auto_scroll = False
        super().action_page_up()

    def action_scroll_home(self) -> None:
        self.auto_scroll = False
        super().action_scroll_home()
