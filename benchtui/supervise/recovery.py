"""Scores what a run has answered when its worker could not do it: with a worker that loads no model."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchtui.runs import events as ev
from benchtui.runs.worker_contract import SCORE
from benchtui.supervise.launcher import Launcher
from benchtui.supervise.settings import SharedWorker
from benchtui.supervise.watchdog import Watchdog
from benchtui.supervise.watched import Watched

PATIENCE = 120.0
"""Seconds that scoring may show no sign of life, unless the user allows less."""
POLL = 0.05
MOST_TRIES = 3


class Recovery:
    """Scores one run from its journal with workers of its own, started by `launcher` and described by `shared`.

    `idle` waits for the seconds given; `hurry` says that the user wants it to end now; `timeout` in seconds is how long
    scoring may show no sign of life, at most PATIENCE.
    """

    def __init__(
        self,
        watched: Watched,
        shared: SharedWorker,
        launcher: Launcher,
        *,
        timeout: float | None,
        idle: Callable[[float], None],
        hurry: Callable[[], bool],
    ) -> None:
        self._watched = watched
        self._shared = shared
        self._launcher = launcher
        self._idle = idle
        self._hurry = hurry
        self._patience = PATIENCE if timeout is None else min(timeout, PATIENCE)

    def score(self) -> None:
        """Write partial results from the journal. A document whose scoring hangs or kills the worker is left out."""
        if self._watched.deleted or not self._watched.answered:
            return
        for _ in range(MOST_TRIES):
            self._watched.begin_scoring()
            ended = self._once()
            if self._watched.results is not None or self._hurry():
                return
            stuck = self._watched.at_work()
            if ended or stuck is None or not self._watched.give_up_on(stuck, "could not be scored"):
                break
        failed = self._watched.failed
        if failed is not None:
            self._watched.tell(ev.Warned(message=f"What was answered could not be scored: {failed.message}"))

    def _once(self) -> bool:
        """Run one worker until it has written results or ended; whether it exited by itself."""
        watched, run = self._watched, self._watched.run
        try:
            worker = self._launcher.start(self._shared.job((SCORE,), (run,), run.worker_log))
        except OSError as error:
            watched.tell(ev.Warned(message=f"What was answered could not be scored: {error}"))
            return True
        watchdog = Watchdog(self._patience)
        last_sign = time.monotonic()
        try:
            while worker.poll() is None:
                self._idle(POLL)
                now = time.monotonic()
                if watched.collect():
                    last_sign = now
                if watched.results is not None or self._hurry() or watchdog.judge(now, last_sign) == "timed out":
                    return False
        finally:
            code = worker.reap()
            watched.collect()
        return code >= 0
