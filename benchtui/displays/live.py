"""The live table on a terminal: drawn in place, never cleared first, so that nothing flickers or jumps.

The cursor stays visible on the line below: a process that is stopped (Ctrl+Z) or killed leaves a usable terminal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from benchtui.displays.frame import draw
from benchtui.displays.outlet import Outlet
from benchtui.reports.wording.glyphs import glyphs_for
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.text import printable

INTERVAL = 0.125
"""Seconds between two drawings at least."""
FALLBACK_SIZE = (80, 24)

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"  # terminals that know it show the whole frame at once; others ignore it
_TO_LINE_END, _TO_SCREEN_END = "\x1b[K", "\x1b[J"


@dataclass(frozen=True)
class Frame:
    """Lines with their colours, and how many cells each takes. `fresh`: whatever stood there before is not ours."""

    lines: tuple[str, ...]
    cells: tuple[int, ...]
    width: int
    fresh: bool = False


@dataclass(frozen=True)
class Note:
    text: str
    width: int


class Painter:
    """Turns frames and notes into what a terminal must be sent, knowing what it shows now."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._shown: Frame | None = None
        self._started = False

    def encode(self, items: list[Frame | Note]) -> bytes:
        """Everything that waits as one burst: notes above, then the newest frame; the frames between are skipped."""
        frames = [item for item in items if isinstance(item, Frame)]
        frame = frames[-1] if frames else self._shown
        width = items[-1].width
        parts = [_BEGIN, self._to_top(width, fresh=any(item.fresh for item in frames))]
        parts += [f"{line}{_TO_LINE_END}\r\n" for item in items if isinstance(item, Note) for line in _lines(item)]
        if frame is not None:
            parts += [f"{line}{_TO_LINE_END}\r\n" for line in frame.lines]
            parts.append(_TO_SCREEN_END)
        parts.append(_END)
        self._shown = frame
        return "".join(parts).encode(self._encoding, "replace")

    def _to_top(self, width: int, *, fresh: bool) -> str:
        """Move back to where the shown frame begins; a narrower terminal has wrapped its lines."""
        if self._shown is None or fresh:
            return "\r"
        rows = sum(max(-(-cells // max(width, 1)), 1) for cells in self._shown.cells)
        return f"\r\x1b[{rows}A" if rows else "\r"


def _lines(note: Note) -> list[str]:
    return printable(note.text, 2000).splitlines() or [""]


class LiveDisplay:
    """See `benchtui.displays.display.Display`."""

    def __init__(self, runs: Sequence[RunDirectory], stream: TextIO, *, title: str, hint: str) -> None:
        self._followers = [RunFollower(run) for run in runs]
        self._stream = stream
        self._title = title
        self._hint = hint
        encoding = stream.encoding or "utf-8"
        self._glyphs = glyphs_for(encoding)
        self._outlet: Outlet[Frame | Note] = Outlet(stream, Painter(encoding).encode)
        self._console = Console(  # writes to nobody: only the outlet may touch the stream
            file=StringIO(), force_terminal=True, legacy_windows=False, markup=False, highlight=False, emoji=False
        )
        self._drawn: tuple[str, ...] = ()
        self._drawn_at = 0.0
        self._was_away = False

    def start(self) -> None:
        for follower in self._followers:
            follower.catch_up()
        self._draw()

    def add(self, runs: Sequence[RunDirectory], title: str) -> None:  # noqa: ARG002 - the table names each model
        added = [RunFollower(run) for run in runs]
        for follower in added:
            follower.catch_up()
        self._followers += added

    def remove(self, runs: Sequence[RunDirectory]) -> None:
        """Take them out of the table: what is said of how they ended stays above it."""
        self._followers = [follower for follower in self._followers if follower.run not in runs]

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._drawn_at < INTERVAL or self._outlet.dead:
            return
        self._drawn_at = now
        for follower in self._followers:
            follower.update()
        if self._outlet.backlog == 0 and self._in_foreground():
            self._draw()

    def note(self, text: str) -> None:
        self._outlet.put(Note(text, self._size()[0]))

    def stop(self) -> None:
        for follower in self._followers:
            follower.catch_up(1.0)
        self._draw(last=True)
        self._outlet.close(2.0)

    def _draw(self, *, last: bool = False) -> None:
        if not self._followers and not self._drawn:
            return  # nothing to show yet
        width, height = self._size()
        views = [follower.view for follower in self._followers]
        drawn = draw(
            views,
            width=width - 1,  # a full last column makes some terminals wrap
            height=height,
            glyphs=self._glyphs,
            now=time.time(),
            title=self._title,
            hint="" if last else self._hint,
        )
        lines = drawn if views else []
        shown = self._styled(lines, width) if lines else ()
        if shown != self._drawn or self._was_away:
            cells = tuple(cell_len(line.plain) for line in lines)
            self._outlet.put(Frame(shown, cells, width, fresh=self._was_away))
            self._drawn, self._was_away = shown, False

    def _styled(self, lines: Sequence[Text], width: int) -> tuple[str, ...]:
        with self._console.capture() as captured:
            self._console.print(Text("\n").join(lines), width=width, no_wrap=True, crop=True, overflow="crop")
        return tuple(captured.get().removesuffix("\n").split("\n"))

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return FALLBACK_SIZE
        return (size.columns or FALLBACK_SIZE[0], size.lines or FALLBACK_SIZE[1])

    def _in_foreground(self) -> bool:
        """Tell whether the terminal is ours to draw on: after Ctrl+Z and `bg` it is the shell's."""
        try:
            away = os.tcgetpgrp(self._stream.fileno()) != os.getpgrp()
        except (OSError, ValueError):  # not our controlling terminal, or gone: writing will show it
            return True
        self._was_away |= away
        return not away
