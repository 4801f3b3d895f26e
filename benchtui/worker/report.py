"""Writes a run's events: seldom enough that a fast evaluation writes little, and only when work advanced."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, Protocol

from benchtui.runs.events import (
    Advance,
    Decision,
    Event,
    InFlight,
    InFlightDocument,
    Phase,
    Warned,
    clipped,
)

ADVANCE_INTERVAL = 1.0
IN_FLIGHT_SHOWN = 32

PhaseName = Literal["starting", "loading model", "loading task", "building prompts", "evaluating", "scoring", "writing"]
Unit = Literal["bytes", "tokens", "documents", "prompts", "modules", "tasks", "tensors"]
_LOADING: frozenset[PhaseName] = frozenset({"starting", "loading model", "loading task"})


class EventSink(Protocol):
    """What takes events: an `EventWriter` writes them into a run's file."""

    def emit(self, event: Event) -> None: ...

    def close(self) -> None: ...


class Reporter:
    """Writes one run's events. Only work that advanced calls it: nothing here runs by itself.

    `task` is the task in hand, which signs of life are said to belong to.
    """

    def __init__(self, writer: EventSink) -> None:
        self._writer = writer
        self._advanced: dict[Unit, int] = {}
        self._received = 0
        self._loading = False
        self._advance_at = 0.0
        self._chosen: dict[str, str] = {}
        self.task = ""

    def emit(self, event: Event) -> None:
        """Write an event now. Raises OSError when the disk is full or the file was replaced."""
        self._writer.emit(event)

    def phase(self, name: PhaseName, task: str = "", detail: str = "") -> None:
        """Tell that something begins which may take a while."""
        self._loading = name in _LOADING
        self.emit(Phase(name=name, task=task, detail=detail))

    def advance(self, unit: Unit, amount: int, total: int = 0) -> None:
        """Count a step of real work; told at most once a second, with what was done since."""
        self._advanced[unit] = self._advanced.get(unit, 0) + amount
        self._tell_advance(unit, total)

    def received(self, amount: int) -> None:
        """Count bytes from the network: while models and data are loaded they are a sign of life, however few. Progress
        bars count only what was written to a file, in blocks of megabytes."""
        self._received += amount
        if self._loading:
            self._tell_advance("bytes", 0)

    def _tell_advance(self, unit: Unit, total: int) -> None:
        now = time.monotonic()
        if now - self._advance_at < ADVANCE_INTERVAL:
            return
        self._advance_at = now
        done = self._advanced.get(unit, 0)
        if unit == "bytes":
            done = max(done, self._received)  # mostly the same bytes, counted in two places
        self.emit(Advance(unit=unit, done=done, total=total, task=self.task))

    def decision(self, what: str, choice: str, why: str) -> None:
        """Tell of something chosen for the user; again only when the choice is another."""
        self._decide(Decision(what=what, choice=choice, why=why))

    def batch_size(self, rows: int, why: str) -> None:
        """Tell how many sequences are answered at once from now on: with one at a time, an ending for want of memory is
        final."""
        self._decide(Decision(what="batch size", choice=str(rows), why=why, rows=rows))

    def _decide(self, decision: Decision) -> None:
        if self._chosen.get(decision.what) != decision.choice:
            self._chosen[decision.what] = decision.choice
            self.emit(decision)

    def warn(self, message: str, next_step: str = "") -> None:
        """Tell of something that the user should know, and what to do about it."""
        self.emit(Warned(message=clipped(message), next_step=next_step))

    def in_flight(self, task: str, documents: Sequence[tuple[int, str]]) -> None:
        """Tell which documents are being worked on from now, each with the first line of its question: if nothing
        follows, one of them is the cause."""
        shown = [InFlightDocument(doc, first_line) for doc, first_line in documents[:IN_FLIGHT_SHOWN]]
        self.emit(InFlight(task=task, documents=shown))

    def close(self) -> None:
        """Close the events file."""
        self._writer.close()
