"""One line for each important event, for logs and for terminals that cannot do more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Told:
    """A run, what describes it, and what stands in front of its lines."""

    follower: RunFollower
    narrator: Narrator
    title: str


class PlainDisplay:
    """See `benchtui.displays.display.Display`."""

    def __init__(self, runs: Sequence[RunDirectory], stream: TextIO, *, from_start: bool, title: str = "") -> None:
        encoding = stream.encoding or "utf-8"
        self._glyphs = glyphs_for(encoding)
        self._told = self._described(runs, title)
        self._from_start = from_start
        self._read_at = 0.0
        self._outlet: Outlet[str] = Outlet(
            stream, lambda lines: "".join(f"{line}\n" for line in lines).encode(encoding, "replace")
        )

    def _described(self, runs: Sequence[RunDirectory], title: str) -> list[_Told]:
        return [_Told(RunFollower(run), Narrator(self._glyphs), one_line(title, 100)) for run in runs]

    def start(self) -> None:
        if self._from_start:
            return self._tell(self._told)
        return self._tell_standing(self._told)

    def add(self, runs: Sequence[RunDirectory], title: str) -> None:
        added = self._described(runs, title)
        self._told += added
        self._tell_standing(added)

    def remove(self, runs: Sequence[RunDirectory]) -> None:
        gone = [told for told in self._told if told.follower.run in runs]
        self._tell_rest(gone)
        self._told = [told for told in self._told if told not in gone]

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._read_at >= INTERVAL and not self._outlet.dead:
            self._read_at = now
            self._tell(self._told)

    def note(self, text: str) -> None:
        self._outlet.put(printable(text, 2000))

    def stop(self) -> None:
        self._tell_rest(self._told)
        self._outlet.close(2.0)

    def _tell_standing(self, runs: Sequence[_Told]) -> None:
        views = [told.follower.catch_up() for told in runs]
        for told, view in zip(runs, views, strict=True):
            if view.version and view.phase is not None:
                self._put(self._labelled(told, told.narrator.standing(view)))

    def _tell_rest(self, runs: Sequence[_Told]) -> None:
        for _ in range(100):
            self._tell(runs)
            if not any(told.follower.new for told in runs):
                break

    def _tell(self, runs: Sequence[_Told]) -> None:
        for told in runs:
            view = told.follower.update()
            self._put(self._labelled(told, told.narrator.tell(view, told.follower.new)))

    def _labelled(self, told: _Told, lines: Sequence[Line]) -> list[str]:
        """Return the lines with the title in front, and the name of the run where several are shown."""
        view = told.follower.view
        beside = [other.follower.view.model for other in self._told if other.title == told.title]
        name = "" if len(beside) == 1 else view.role if len(set(beside)) == 1 else f"{view.model} {view.role}"
        label = " ".join(part for part in (told.title, name) if part)
        return [line.worded(label) for line in lines]

    def _put(self, lines: Sequence[str]) -> None:
        if self._outlet.backlog < MOST_WAITING:
            for line in lines:
                self._outlet.put(line)
