"""The worker that decides early for several others: started, watched, started again, and ended with them."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchtui.runs import events as ev
from benchtui.runs.chunks import ChunkWriter
from benchtui.runs.event_reader import reader_at_end
from benchtui.runs.in_hand import read_in_hand
from benchtui.runs.worker_contract import DECIDE
from benchtui.supervise.endings import MOST_REPLACEMENTS, exit_words
from benchtui.supervise.launcher import Launcher, Worker
from benchtui.supervise.schedule import Schedule
from benchtui.supervise.settings import SharedWorker
from benchtui.supervise.watchdog import Watchdog
from benchtui.supervise.watched import Watched

POLL = 0.05
PATIENCE = 120.0
"""Seconds that it may show no sign of life once all is answered, unless the user allows less."""


class Decider:
    """Decides early for the workers of one run, and tells their `schedule`. Without it they answer every document.

    `tell` is given each event that may be one of the run. `timeout` in seconds is how long it may show no sign of life
    while it does not wait for answers, None for ever. Call every method from one thread.
    """

    def __init__(
        self,
        watched: Watched,
        schedule: Schedule,
        shared: SharedWorker,
        launcher: Launcher,
        *,
        timeout: float | None,
        tell: Callable[[ev.Event], None],
    ) -> None:
        self._watched = watched
        self._files = watched.run.decider
        self._schedule = schedule
        self._shared = shared
        self._launcher = launcher
        self._timeout = timeout
        self._tell = tell
        self._reader = reader_at_end(self._files.events)
        self._worker: Worker | None = None
        self._chunks: ChunkWriter | None = None
        self._started = 0
        self._over = False
        self._all_answered = False
        self._failed: ev.Failed | None = None
        self._phase = ""
        self._watchdog = Watchdog(timeout)
        self._last_sign = 0.0
        self._in_hand: object = None
        self._output = 0

    def follow(self) -> None:
        """Start it where it does not run, and take what it decided. Call it again and again while the others work."""
        if self._over:
            return
        if self._worker is None:
            if not self._watched.deleted:  # its files would bring part of the directory back
                self._start()
            return
        code = self._worker.poll()
        self._collect(self._worker)
        if code is not None:
            self._ended(exit_words(code) if code else "")
        elif self._watchdog.judge(time.monotonic(), self._last_sign) == "timed out":
            self._ended("no sign of life")

    def conclude(self, idle: Callable[[float], None], hurry: Callable[[], bool]) -> None:
        """All that will be answered is answered: wait until it has decided what that decides."""
        self._all_answered = True
        self._watchdog = Watchdog(PATIENCE if self._timeout is None else min(self._timeout, PATIENCE))
        self._last_sign = time.monotonic()
        try:
            if self._chunks is not None:
                self._chunks.write(None)
        except OSError as error:  # a full disk: the answers are worth more than the decision
            self.end()
            self._give_up(f"could not be told that all is answered: {error.strerror or error}")
        while not self._over and not hurry():
            self.follow()
            idle(POLL)
        self.end()

    def end(self) -> None:
        """End it at once. What it has decided is in its journal."""
        self._over = True
        if self._worker is not None:
            self._worker.reap()
            self._collect(self._worker)
            self._worker = None
        if self._chunks is not None:
            self._chunks.close()
            self._chunks = None

    def _start(self) -> None:
        self._started += 1
        self._failed, self._phase = None, ""
        try:
            self._chunks = ChunkWriter(self._files.chunks)
            if self._all_answered:
                self._chunks.write(None)
            self._worker = self._launcher.start(self._shared.job((DECIDE,), (self._watched.run,), self._files.log))
        except OSError as error:
            self.end()
            self._give_up(f"could not be started: {error.strerror or error}")
        self._last_sign, self._output = time.monotonic(), 0

    def _collect(self, worker: Worker) -> None:
        signs = worker.output_bytes != self._output
        self._output = worker.output_bytes
        try:
            events = self._reader.read()
        except OSError:  # a disk that fails: silence
            events = []
        for event in events:
            self._take(event)
        in_hand = read_in_hand(self._files.in_hand).document
        waits = self._phase == "evaluating" and in_hand is None and not self._all_answered
        if signs or events or waits or in_hand != self._in_hand:
            self._last_sign, self._in_hand = time.monotonic(), in_hand

    def _take(self, event: ev.Event) -> None:
        match event:
            case ev.UnitDecided(early=True):
                self._schedule.drop(event.unit)
            case ev.UnitDecided():
                self._schedule.need_all(event.unit)
            case ev.Failed():
                self._failed = event
            case ev.Phase():
                self._phase = event.name
            case _:
                self._tell(event)

    def _ended(self, why: str) -> None:
        """It exited, with `why` it should not have; another takes its place unless that would fail as well."""
        failed = self._failed
        self.end()
        if not why:
            return
        if (failed is None or failed.reason == "error") and self._started <= MOST_REPLACEMENTS:
            self._over = False
            return
        self._give_up(f"ended: {failed.message if failed is not None else why}")

    def _give_up(self, why: str) -> None:
        self._over = True
        self._schedule.need_all()
        self._tell(
            ev.Warned(
                message=f"Nothing more is decided early: the process that decides {why.rstrip('.')}.",
                next_step="All samples are evaluated.",
            )
        )
