"""Every event as one line of JSON on stdout, for scripts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import msgspec

from benchtui.displays.outlet import Outlet
from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import EventReader
from benchtui.runs.events import Event
from benchtui.runs.kinds.registry import read_kind
from benchtui.text import escaped_json, printable

INTERVAL = 0.1
MOST_WAITING = 2
"""Chunks of events that may wait for a slow reader; the rest waits in the file."""


class _Source:
    """The events of one run with the run's name, model and role in front."""

    def __init__(self, run: RunDirectory, *, from_start: bool) -> None:
        self.run = run
        self._named: dict[str, str] | None = None
        self._reader = EventReader(run.events)
        if not from_start:
            while self._read():
                pass

    def lines(self) -> Iterator[bytes]:
        for event in self._read():
            line = msgspec.json.encode({**self._names(), **msgspec.to_builtins(event)}).decode()
            yield escaped_json(line).encode() + b"\n"

    def _read(self) -> list[Event]:
        try:
            return self._reader.read()
        except (OSError, RecursionError):
            return []

    def _names(self) -> dict[str, Any]:
        if self._named is not None:
            return self._named
        place = os.path.relpath(self.run.path) if self._below_here() else str(self.run.path)
        try:
            kind, plan = read_kind(self.run)
        except BenchtuiError:
            return {"run": place, "model": None, "role": None}
        self._named = {"run": place, "model": plan.model_name, "role": kind.about(plan).role}
        return self._named

    def _below_here(self) -> bool:
        try:
            return os.path.commonpath([os.getcwd(), os.path.abspath(self.run.path)]) == os.getcwd()  # noqa: PTH109, PTH100
        except (OSError, ValueError):
            return False


class JsonDisplay:
    """See `benchtui.displays.display.Display`. Events are written in the order of each run; none is left out as long
    as somebody reads them. Notes go to stderr: they are prose."""

    def __init__(self, runs: Sequence[RunDirectory], stdout: TextIO, stderr: TextIO, *, from_start: bool) -> None:
        self._runs = runs
        self._from_start = from_start
        self._sources: list[_Source] = []
        self._outlet: Outlet[bytes] = Outlet(stdout, b"".join)
        self._notes: Outlet[str] = Outlet(stderr, lambda notes: "".join(notes).encode("utf-8", "replace"))
        self._read_at = 0.0

    def start(self) -> None:
        self._sources = [_Source(run, from_start=self._from_start) for run in self._runs]
        self._pass_on(self._sources)

    def add(self, runs: Sequence[RunDirectory], title: str) -> None:  # noqa: ARG002 - each line names its model
        self._sources += [_Source(run, from_start=False) for run in runs]

    def remove(self, runs: Sequence[RunDirectory]) -> None:
        """Waits for whoever reads, as `stop` does."""
        gone = [source for source in self._sources if source.run in runs]
        self._drain(gone)
        self._sources = [source for source in self._sources if source not in gone]

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._read_at >= INTERVAL:
            self._read_at = now
            self._pass_on(self._sources)

    def note(self, text: str) -> None:
        self._notes.put(f"{printable(text, 2000)}\n")

    def stop(self) -> None:
        """Waits for whoever reads, as any command that writes to a pipe does."""
        self._drain(self._sources)
        self._outlet.close(None)
        self._notes.close(1.0)

    def _drain(self, sources: Sequence[_Source]) -> None:
        while not self._outlet.dead:
            if self._outlet.backlog >= MOST_WAITING:
                time.sleep(0.02)
            elif not self._pass_on(sources):
                break

    def _pass_on(self, sources: Sequence[_Source]) -> int:
        """Hand over what is new of these, at most 1 MiB of each run, and return how many chunks that were."""
        chunks = 0
        for source in sources:
            if self._outlet.dead or self._outlet.backlog >= MOST_WAITING:
                break
            if chunk := b"".join(source.lines()):
                self._outlet.put(chunk)
                chunks += 1
        return chunks
