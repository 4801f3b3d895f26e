"""Scores for what a run answered before its worker was gone: by a worker that loads no model."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchtui.runs import events as ev
from benchtui.runs.journal.journal import answered_requests
from benchtui.supervise.process import WorkerProcess
from benchtui.supervise.watchdog import Watchdog
from benchtui.supervise.watched import Watched

PATIENCE = 120.0
"""Seconds that scoring may show no sign of life, unless the user allows less."""
MOST_TRIES = 3


class Recovery:
    """`idle` waits for the seconds given, `hurry` says that the user wants it to end now; `environment` is the
    worker's."""

    def __init__(
        self,
        watched: Watched,
        idle: Callable[[float], None],
        hurry: Callable[[], bool],
        timeout: float | None,
        environment: dict[str, str],
    ) -> None:
        self._environment = environment
        self._watched = watched
        self._idle = idle
        self._hurry = hurry
        self._patience = PATIENCE if timeout is None else min(timeout, PATIENCE)

    def score(self) -> None:
        """Write partial results from the journal. A document whose scoring hangs or kills the worker is left out."""
        if self._watched.deleted or not answered_requests(self._watched.run.journal):
            return
        for _ in range(MOST_TRIES):
            self._watched.begin_scoring()
            ended = self._once()
            if self._watched.results is not None or self._hurry():
                return
            stuck = self._watched.at_work()
            if ended or stuck is None or not self._watched.give_up_on(stuck, "could not be scored"):
                break
        said = self._watched.failed
        if said is not None:
            self._watched.tell(ev.Warned(message=f"What was answered could not be scored: {said.message}"))

    def _once(self) -> bool:
        """One worker, until it has written results or gone; whether it went by itself."""
        watched = self._watched
        try:
            worker = WorkerProcess(["--score", str(watched.run.path)], watched.run.worker_log, self._environment)
        except OSError as error:
            watched.tell(ev.Warned(message=f"What was answered could not be scored: {error}"))
            return True
        watchdog = Watchdog(self._patience)
        last_sign = time.monotonic()
        try:
            while worker.poll() is None:
                self._idle(0.05)
                now = time.monotonic()
                if watched.collect():
                    last_sign = now
                if watched.results is not None or self._hurry() or watchdog.judge(now, last_sign) == "timed out":
                    return False
        finally:
            code = worker.reap()
            watched.collect()
        return code >= 0
