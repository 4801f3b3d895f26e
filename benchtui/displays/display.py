"""Which display a run gets, and what every display can do."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Literal, Protocol, TextIO

from benchtui.runs.directory import RunDirectory

Mode = Literal["auto", "live", "plain", "json"]
STOP_HINT = "Ctrl+C stops and keeps what was answered"
DETACH_HINT = "Ctrl+C leaves this view; the run goes on"


class Display(Protocol):
    """Shows runs while they are evaluated. When the terminal is lost or the pipe closed it stops writing; it never
    raises for that."""

    def start(self) -> None: ...

    def refresh(self) -> None:
        """Show what is new; cheap enough to be called twenty times a second."""

    def add(self, runs: Sequence[RunDirectory], title: str) -> None:
        """Show these as well from now on, with `title` in front of each plain line; call after `start`."""

    def remove(self, runs: Sequence[RunDirectory]) -> None:
        """Show what is still new of these, and then no more of them."""

    def note(self, text: str) -> None:
        """Show one line of prose at once. May be called from a signal handler."""

    def stop(self) -> None:
        """Show the last state and leave the screen as a person would want to find it."""


def open_display(
    runs: Sequence[RunDirectory],
    mode: Mode = "auto",
    *,
    title: str = "",
    hint: str = STOP_HINT,
    from_start: bool = False,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> Display:
    """A display of `runs`, not yet started: the first in each list is shown first.

    "auto" is "live" on a terminal that can move its cursor, else "plain"; both write to stderr, since progress is
    prose. "json" writes the events to stdout. `title` stands above the live table and in front of each plain line;
    `from_start` shows also the events that were there before (plain and JSON; the live table always does).
    """
    out, err = stdout or sys.stdout, stderr or sys.stderr
    if mode == "auto":
        mode = "live" if is_live_terminal(err) else "plain"
    if mode == "json":
        from benchtui.displays.json_lines import JsonDisplay

        return JsonDisplay(runs, out, err, from_start=from_start)
    if mode == "live":
        from benchtui.displays.live import LiveDisplay

        return LiveDisplay(runs, err, title=title, hint=hint)
    from benchtui.displays.plain import PlainDisplay

    return PlainDisplay(runs, err, from_start=from_start, title=title)


def is_live_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal whose cursor can be moved."""
    try:
        terminal = stream.isatty()
    except ValueError:  # closed
        return False
    return terminal and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
