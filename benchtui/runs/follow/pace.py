"""How fast work advances: the recent rate, from steps that may come in bursts."""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
"""Seconds that count as recent, as long as they hold enough steps."""
FEWEST = 6
SPACING = 0.5


class Pace:
    """Work against time over a sliding window; times are seconds of one clock.

    Batches answer many documents at once and then none for a minute, so the rate is taken from step to step and never
    from the time since the last one; the window keeps at least six steps however long they took.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=256)
        self._done = 0.0
        self._burst = 0.0

    def begin(self, t: float) -> None:
        """The clock runs from `t`; nothing happens if it runs already."""
        if not self._points:
            self._points.append((t, self._done))

    def add(self, t: float, work: float) -> None:
        """`work` more was done by `t`. A clock that was set back starts the window anew."""
        if work <= 0:
            return
        self._done += work
        if not self._points or t < self._points[-1][0]:
            self._points.clear()
            self.begin(t)
            return
        if len(self._points) > 1 and t - self._burst < SPACING:
            self._points[-1] = (t, self._done)  # what comes in one burst is one step
        else:
            self._burst = t
            self._points.append((t, self._done))
        while len(self._points) > FEWEST and self._points[1][0] <= t - WINDOW:
            self._points.popleft()

    def count_to(self, t: float, total: float) -> None:
        """The same for a counter: `total` was done by `t`, from zero when it is first told."""
        if not self._points:
            self._done = total
            self.begin(t)
        self.add(t, total - self._done)

    @property
    def latest(self) -> float:
        """When the last step was, 0 before the first."""
        return self._points[-1][0] if self._points else 0.0

    @property
    def rate(self) -> float | None:
        """Work per second, None until a first step has taken time."""
        if len(self._points) < 2:
            return None
        (began, before), (ended, after) = self._points[0], self._points[-1]
        return (after - before) / (ended - began) if ended > began and after > before else None
