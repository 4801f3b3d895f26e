"""When silence becomes suspicious, and when it is over: a clock and a few thresholds, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WARN_AFTER = 60.0
REMIND_EVERY = 30.0

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
