"""One line for each important event, for logs and for terminals that cannot do more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

from benchtui.displays.narrator import Line, Narrator
from benchtui.displays.outlet import Outlet
from benchtui.reports.wording.glyphs import glyphs_for
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.text import one_line, printable

INTERVAL = 0.25
MOST_WAITING = 1000
"""Lines that may wait for a reader that takes none; later ones are left out."""


class PlainDisplay:
    """See `benchtui.displays.display.Display`."""

    def __init__(self, runs: Sequence[RunDirectory], stream: TextIO, *, from_start: bool, title: str = "") -> None:
        encoding = stream.encoding or "utf-8"
        self._followers = [RunFollower(run) for run in runs]
        self._narrators = [Narrator(glyphs_for(encoding)) for _ in runs]
        self._from_start = from_start
        self._title = one_line(title, 100)
        self._read_at = 0.0
        self._outlet: Outlet[str] = Outlet(
            stream, lambda lines: "".join(f"{line}\n" for line in lines).encode(encoding, "replace")
        )

    def start(self) -> None:
        if self._from_start:
            return self._tell()
        views = [follower.catch_up() for follower in self._followers]
        for follower, narrator, view in zip(self._followers, self._narrators, views, strict=True):
            if view.version and view.phase is not None:
                self._put(self._labelled(follower, narrator.standing(view)))
        return None

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._read_at >= INTERVAL and not self._outlet.dead:
            self._read_at = now
            self._tell()

    def note(self, text: str) -> None:
        self._outlet.put(printable(text, 2000))

    def stop(self) -> None:
        for _ in range(100):
            self._tell()
            if not any(follower.new for follower in self._followers):
                break
        self._outlet.close(2.0)

    def _tell(self) -> None:
        for follower, narrator in zip(self._followers, self._narrators, strict=True):
            view = follower.update()
            self._put(self._labelled(follower, narrator.tell(view, follower.new)))

    def _labelled(self, follower: RunFollower, lines: Sequence[Line]) -> list[str]:
        """Return the lines with the title in front, and the name of the run where several are shown."""
        view = follower.view
        models = {other.view.model for other in self._followers}
        name = "" if len(self._followers) == 1 else view.role if len(models) == 1 else f"{view.model} {view.role}"
        label = " ".join(part for part in (self._title, name) if part)
        return [line.worded(label) for line in lines]

    def _put(self, lines: Sequence[str]) -> None:
        if self._outlet.backlog < MOST_WAITING:
            for line in lines:
                self._outlet.put(line)
