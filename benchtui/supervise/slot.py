"""A place where one worker runs at a time: started, watched and ended, until each of its runs has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchtui.runs import events as ev
from benchtui.runs.cancel import is_asked_to_stop
from benchtui.runs.worker_contract import MEMORY_SHARE, SHARD
from benchtui.supervise.control import Control
from benchtui.supervise.endings import (
    Ending,
    EndingRules,
    close_all,
    close_partial,
    close_whole,
    exit_words,
    not_started_words,
    what_failed,
)
from benchtui.supervise.launcher import Launcher, Worker
from benchtui.supervise.placement import Placement
from benchtui.supervise.settings import SharedWorker, SuperviseSettings
from benchtui.supervise.watchdog import SilenceWatch
from benchtui.supervise.watched import Watched

POLL = 0.05
"""Seconds between looks at a worker, where there are few of them."""
LOOKS_A_SECOND = 200
"""At all workers together: a look takes about 0.1 ms of the supervisor's processor time."""
SLOWEST_POLL = 1.0
EXIT_PATIENCE = 5.0
"""Seconds a worker may take to exit after its results are on disk."""
LOOK_EVERY = 1.0
"""Seconds between looks at whether the run's directory is still there."""


class Slot:
    """Runs, or one shard of each, that are evaluated by one worker at a time.

    `idle` waits for the seconds given. `score` scores what a run has answered when its worker could not. `placement` is
    what the worker gets of the machine.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        shared: SharedWorker,
        settings: SuperviseSettings,
        control: Control,
        launcher: Launcher,
        placed: Sequence[Placement],
        *,
        idle: Callable[[float], None],
        score: Callable[[Watched], None],
    ) -> None:
        self._watched = watched
        self._shared = shared
        self._settings = settings
        self._control = control
        self._launcher = launcher
        self._idle = idle
        (self._placement,) = placed
        self._attempt = 0
        self._poll = seconds_between_looks(settings.workers)
        replaces = settings.workers > 1 or settings.replaces
        self.rules = EndingRules(settings, side_by_side=shared.side_by_side, score=score, replaces=replaces)

    def evaluate(self) -> None:
        """Start one worker after another until each run has ended; returns then."""
        while waiting := [watched for watched in self._watched if watched.done is None]:
            self._one_worker(waiting)

    def _one_worker(self, waiting: list[Watched]) -> None:
        self._attempt += 1
        if self._control.stop_requested:
            return close_all(waiting, "cancelled", "Not started.")
        try:
            worker = self._start(waiting)
        except OSError as error:
            return close_all(waiting, "failed", not_started_words(error))
        try:
            ending, current = self._watch(worker, waiting)
        finally:
            code = worker.reap()
        self._collect(waiting)
        if current is None:  # it ended by itself
            current = self._at_work(waiting)
        current = self._close_written(waiting, current)
        if current is None or current.done is not None:
            return None
        if worker.left_alive:
            numbers = ", ".join(map(str, worker.left_alive))
            current.tell(ev.Warned(message=f"The kernel does not let go of process {numbers}: it could not be killed."))
        if ending == "failed":
            ending = what_failed(current, code, killed_for_memory=worker.killed_for_memory)
        current.tell(ev.WorkerEnded(exit_code=code, reason=ending, detail=worker.fate or exit_words(code)))
        return self.rules.follow(ending, code, current, waiting)

    def _start(self, waiting: list[Watched]) -> Worker:
        files, runs, options = waiting[0].files, [watched.run for watched in waiting], list[str]()
        if self.rules.memory_share < 1:
            options += [MEMORY_SHARE, str(self.rules.memory_share)]
        if files.shard is not None:
            options += [SHARD, f"{files.shard}/{self._settings.workers}"]
        for watched in waiting:
            if watched.share is not None:
                watched.share.begin()
        job = self._shared.job(options, runs, files.log, self._placement.environment, files.shard)
        worker = self._launcher.start(job)
        for watched in waiting:
            watched.begin_worker(worker.pid, self._attempt)
        return worker

    def _watch(self, worker: Worker, waiting: list[Watched]) -> tuple[Ending, Watched | None]:
        """Wait until the worker has exited or has been ended; says which, and the run in hand when it was ended."""
        silence = SilenceWatch(worker, self._settings.timeout, lambda: self._end(worker, waiting))
        results_at = looked_at = time.monotonic()
        while worker.poll() is None:
            self._idle(self._poll)
            now = time.monotonic()
            advanced = self._collect(waiting)
            close_whole(waiting)
            if worker.waits and all(watched.share is not None and watched.share.over for watched in waiting):
                close_all(waiting, "finished", "")  # the others were done before it had a place
                return "finished", None
            _lend(worker, waiting)
            current = self._at_work(waiting)
            silence.hear(now, advanced=advanced or worker.waits or (current is not None and current.waits))
            if current is None:
                if now - results_at > EXIT_PATIENCE:
                    return "finished", None  # it hangs at exit; its results are on disk
                continue
            results_at = now
            if self._stop_wanted(waiting):
                if not self._control.kill_requested:
                    self._end(worker, waiting)
                return "killed now" if self._control.kill_requested else "stopped", current
            if now - looked_at >= LOOK_EVERY:
                looked_at = now
                if any(watched.deleted for watched in waiting):
                    return "deleted", current  # at once: what it still wrote would bring part of the directory back
            if silence.end_if_silent(now, current):
                return "timed out", current
            if any(watched.share is not None and watched.share.unwritable for watched in waiting):
                return "no room", current  # it would wait for ever for what could not be written
        return "stopped" if self._control.stop_requested else "failed", None

    def _stop_wanted(self, waiting: list[Watched]) -> bool:
        if any(is_asked_to_stop(watched.run) for watched in waiting):
            self._control.stop_requested = True  # for the runs after these as well
        return self._control.stop_requested or self._control.kill_requested

    def _end(self, worker: Worker, waiting: list[Watched]) -> bool:
        """Ask the worker to stop: it scores what it has first. Whether it went by itself."""
        return worker.end(
            self._settings.grace,
            wait=self._idle,
            busy=lambda: self._collect(waiting),
            hurry=lambda: self._control.kill_requested,
        )

    def _collect(self, waiting: list[Watched]) -> bool:
        """Read what is new; whether any of it is a sign of life."""
        signs = [watched.collect() for watched in waiting]  # every one of them, whatever the first one says
        return any(signs)

    def _at_work(self, waiting: list[Watched]) -> Watched | None:
        """Return the run that the worker evaluates now: the first without results or, where runs advance together,
        the one with the latest event."""
        without = [watched for watched in waiting if watched.results is None]
        if not self._shared.side_by_side:
            return next(iter(without), None)
        return max(without, key=lambda watched: watched.heard, default=None)

    def _close_written(self, waiting: list[Watched], current: Watched | None) -> Watched | None:
        """Close the runs that have results; returns the run that the worker ended with, None where it had no more to
        do."""
        close_partial(waiting, self.rules.ending_with(current, waiting) if current is not None else [])
        if self._shared.side_by_side and current is not None and current.done is not None:
            return self._at_work(waiting) or next((watched for watched in waiting if watched.done is None), None)
        return current


def seconds_between_looks(workers: int) -> float:
    """How long each of so many slots waits before it looks at its worker again."""
    return min(max(POLL, workers / LOOKS_A_SECOND), SLOWEST_POLL)


def _lend(worker: Worker, waiting: list[Watched]) -> None:
    """Keep nothing from the others while the worker waits for a place: they may wait for it, and it for theirs."""
    for watched in waiting:
        if worker.waits and watched.share is not None:
            watched.share.lend()
