"""What ends a silent worker: when silence is worth a warning, when it is too long, and how the worker is ended then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchtui.runs import events as ev
from benchtui.supervise.launcher import Worker
from benchtui.supervise.watched import Watched

WARN_AFTER = 60.0
REMIND_EVERY = 30.0
UNWATCHED = 5.0
"""Seconds between two looks at the worker that mean that nobody was watching: we were suspended ourselves."""
STACKS_TAKE = 0.5
"""Seconds until a worker has written its stacks: the signal handler does it at once, unless the process is stopped."""

Verdict = Literal["fine", "quiet", "waiting", "alive again", "timed out"]


@dataclass
class Watchdog:
    """Judges how long ago the last sign of life was. All times are seconds of one monotonic clock.

    Without a timeout it judges nothing. With one: "quiet" once after a minute of silence (or half the timeout, if that
    is shorter), "waiting" every 30 s after that, "alive again" at the next sign, "timed out" at the end.
    """

    timeout: float | None
    _said_at: float | None = None

    def judge(self, now: float, last_sign: float) -> Verdict:
        if self.timeout is None:
            return "fine"
        silent = now - last_sign
        if silent >= self.timeout:
            return "timed out"
        if silent < min(WARN_AFTER, self.timeout / 2):
            if self._said_at is None:
                return "fine"
            self._said_at = None
            return "alive again"
        if self._said_at is None:
            self._said_at = now
            return "quiet"
        if now - self._said_at >= REMIND_EVERY:
            self._said_at = now
            return "waiting"
        return "fine"

    def remaining(self, now: float, last_sign: float) -> float | None:
        return None if self.timeout is None else max(self.timeout - (now - last_sign), 0.0)


class SilenceWatch:
    """Watches one worker: writes warnings while it is silent, and ends it after `timeout` seconds of silence.

    Signs of life are printed output and what `hear` is told. `end` asks the worker to stop and returns whether it did
    so by itself.
    """

    def __init__(self, worker: Worker, timeout: float | None, end: Callable[[], bool]) -> None:
        self._worker = worker
        self._end = end
        self._watchdog = Watchdog(timeout)
        self._last_sign = self._looked_at = time.monotonic()
        self._output = 0

    def hear(self, now: float, *, advanced: bool) -> None:
        """Note at `now` whether the worker's events told of work that advanced since the last call."""
        if now - self._looked_at > UNWATCHED:
            self._last_sign += now - self._looked_at
        self._looked_at = now
        if advanced or self._worker.output_bytes != self._output:
            self._last_sign, self._output = now, self._worker.output_bytes

    def end_if_silent(self, now: float, current: Watched) -> bool:
        """End the worker when it was silent for too long; whether that was so. Until then write warnings into the
        events of `current`, the run that it works on."""
        silent, verdict = now - self._last_sign, self._watchdog.judge(now, self._last_sign)
        if verdict == "timed out":
            self._end_silent(current, silent)
            return True
        if verdict == "quiet" and (at_work := current.at_work()) is not None:
            current.tell(ev.InFlight(task=at_work.task, documents=list(at_work.documents)))
        if verdict != "fine":
            remaining = self._watchdog.remaining(now, self._last_sign)
            current.tell(ev.Watchdog(state=verdict, silent=silent, remaining=remaining))
        return False

    def _end_silent(self, current: Watched, silent: float) -> None:
        """Have it write its stacks, ask it to stop, and say so when it has to be killed (`Worker.reap` kills it)."""
        current.tell(ev.Watchdog(state="stacks", silent=silent, remaining=0))
        self._worker.dump_stacks()
        time.sleep(STACKS_TAKE)
        current.tell(ev.Watchdog(state="terminating", silent=silent, remaining=0))
        if not self._end():
            current.tell(ev.Watchdog(state="killing", silent=silent, remaining=0))
