"""Starts a worker, watches it, ends it, and leaves a done record for every run whatever happened."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchtui.durations import format_duration
from benchtui.machine import kernel_oom_kills
from benchtui.plans.benchmark import side_by_side
from benchtui.plans.environment import worker_environment
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord, Status
from benchtui.supervise.control import Control
from benchtui.supervise.endings import (
    Ending,
    exit_words,
    failure_words,
    memory_words,
    no_memory_words,
    no_room_words,
    not_started_words,
    what_failed,
)
from benchtui.supervise.process import WorkerProcess
from benchtui.supervise.recovery import Recovery
from benchtui.supervise.watchdog import Watchdog
from benchtui.supervise.watched import Watched

POLL = 0.05
GRACE = 10.0
EXIT_PATIENCE = 5.0
"""Seconds a worker may take to leave after its results are on disk."""
LOOK_EVERY = 1.0
"""Seconds between looks at whether the run's directory is still there."""
UNWATCHED = 5.0
"""Seconds between two looks at the worker from which nobody was watching: we were suspended ourselves."""
SMALLEST_MEMORY_SHARE = 1 / 64


@dataclass(frozen=True)
class SuperviseSettings:
    """`timeout` in seconds without a sign of life, None for none; `skip_stalled` gives up on stalled documents;
    `grace` in seconds is what a worker gets to stop by itself."""

    timeout: float | None = None
    skip_stalled: bool = False
    grace: float = GRACE


class Supervisor:
    """Runs that share a worker, evaluated by one worker at a time until each has its done record.

    Runs that are evaluated side by side, document by document, also end together: what is left of one is worth no more
    than what is left of the other. `on_tick` is called about twenty times a second from the supervising thread, for a
    display; if it raises, the run goes on without it. Raises BenchtuiError when a run's directory cannot be written.
    """

    def __init__(
        self,
        runs: Sequence[RunDirectory],
        settings: SuperviseSettings,
        control: Control,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._runs = runs
        plans = [run.plan() for run in runs]
        self._side_by_side = side_by_side(plans)
        self._environment = worker_environment(plans)
        self._settings = settings
        self._control = control
        self._on_tick = on_tick
        self._memory_share = 1.0
        self._attempt = 0
        self._watched: list[Watched] = []

    def supervise(self) -> list[DoneRecord]:
        """Evaluate every run; returns their done records, in order."""
        self._watched = [Watched.open_for_supervision(run) for run in self._runs]
        while waiting := [watched for watched in self._watched if watched.done is None]:
            self._one_worker(waiting)
        for watched in self._watched:
            watched.writer.close()
        return [watched.done for watched in self._watched if watched.done is not None]

    # One worker, from start to end.

    def _one_worker(self, waiting: list[Watched]) -> None:
        self._attempt += 1
        if self._control.stop_requested:
            return self._close_all(waiting, "cancelled", "Not started.")
        kills_before = kernel_oom_kills()
        try:
            worker = self._start(waiting)
        except OSError as error:
            return self._close_all(waiting, "failed", not_started_words(error))
        try:
            ending, current = self._watch(worker, waiting)
        finally:
            code = worker.reap()
        self._collect(waiting)
        if current is None:  # it left by itself
            current = self._at_work(waiting)
        self._close_written(waiting, current)
        if self._side_by_side and current is not None and current.done is not None:
            current = self._at_work(waiting) or next((w for w in waiting if w.done is None), None)
        if current is None or current.done is not None:
            return None
        if worker.left_alive:
            numbers = ", ".join(map(str, worker.left_alive))
            current.tell(ev.Warned(message=f"The kernel does not let go of process {numbers}: it could not be killed."))
        if ending == "failed":
            ending = what_failed(current, code, killed_for_memory=kernel_oom_kills() > kills_before)
        current.tell(ev.WorkerEnded(exit_code=code, reason=ending, detail=exit_words(code)))
        return self._after(ending, code, current, waiting)

    def _start(self, waiting: list[Watched]) -> WorkerProcess:
        arguments = [str(watched.run.path) for watched in waiting]
        if self._memory_share < 1:
            arguments = ["--memory-share", str(self._memory_share), *arguments]
        worker = WorkerProcess(arguments, waiting[0].run.worker_log, self._environment)
        for watched in waiting:
            watched.begin_worker(worker.pid, self._attempt)
        return worker

    def _watch(self, worker: WorkerProcess, waiting: list[Watched]) -> tuple[Ending, Watched | None]:
        """Until the worker has left or has been ended; says which, and the run in hand when it was ended."""
        watchdog = Watchdog(self._settings.timeout)
        last_sign = results_at = looked_at = before = time.monotonic()
        output = 0
        while worker.poll() is None:
            self._idle(POLL)
            now = time.monotonic()
            if now - before > UNWATCHED:
                last_sign += now - before
            before = now
            if self._collect(waiting) or worker.output_bytes != output:
                last_sign, output = now, worker.output_bytes
            self._close_whole(waiting)
            current = self._at_work(waiting)
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
            if self._ended_by(watchdog, worker, current, waiting, now, last_sign):
                return "timed out", current
        return "stopped" if self._control.stop_requested else "failed", None

    def _idle(self, seconds: float) -> None:
        self._control.wait(seconds)
        try:
            self._on_tick()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a display, the run is worth more
            self._on_tick = lambda: None
            self._watched[0].tell(ev.Warned(message=f"The display failed and was switched off: {error!r}"))

    def _stop_wanted(self, waiting: list[Watched]) -> bool:
        if any(watched.run.cancel.exists() for watched in waiting):
            self._control.stop_requested = True  # for the runs after these as well
        return self._control.stop_requested or self._control.kill_requested

    def _hurry(self) -> bool:
        return self._control.kill_requested

    def _end(self, worker: WorkerProcess, waiting: list[Watched]) -> bool:
        """Ask the worker to go: it scores what it has first. Whether it went by itself."""
        return worker.end(
            self._settings.grace,
            wait=self._idle,
            busy=lambda: self._collect(waiting),
            hurry=lambda: self._control.kill_requested,
        )

    def _ended_by(
        self,
        watchdog: Watchdog,
        worker: WorkerProcess,
        current: Watched,
        waiting: list[Watched],
        now: float,
        last_sign: float,
    ) -> bool:
        """Whether the watchdog's time was up; says what it has to say otherwise."""
        silent, verdict = now - last_sign, watchdog.judge(now, last_sign)
        if verdict == "timed out":
            self._end_stalled(worker, current, waiting, silent)
            return True
        if verdict == "quiet" and (at_work := current.at_work()) is not None:
            current.tell(ev.InFlight(task=at_work.task, documents=list(at_work.documents)))
        if verdict != "fine":
            current.tell(ev.Watchdog(state=verdict, silent=silent, remaining=watchdog.remaining(now, last_sign)))
        return False

    def _end_stalled(self, worker: WorkerProcess, current: Watched, waiting: list[Watched], silent: float) -> None:
        current.tell(ev.Watchdog(state="stacks", silent=silent, remaining=0))
        worker.dump_stacks()
        time.sleep(0.5)  # the handler writes at once, unless the process is stopped
        current.tell(ev.Watchdog(state="terminating", silent=silent, remaining=0))
        if not self._end(worker, waiting):
            current.tell(ev.Watchdog(state="killing", silent=silent, remaining=0))

    def _collect(self, waiting: list[Watched]) -> bool:
        """Read what is new; whether any of it is a sign of life."""
        signs = [watched.collect() for watched in waiting]  # every one of them, whatever the first one says
        return any(signs)

    def _at_work(self, waiting: list[Watched]) -> Watched | None:
        """The run that the worker is at work on: of those without results the first or, side by side, the one it was
        last heard of."""
        without = [watched for watched in waiting if watched.results is None]
        if not self._side_by_side:
            return next(iter(without), None)
        return max(without, key=lambda watched: watched.heard, default=None)

    def _ending_with(self, current: Watched, waiting: Sequence[Watched]) -> list[Watched]:
        """The runs that end when `current` does."""
        return [watched for watched in waiting if watched.done is None] if self._side_by_side else [current]

    # What to do once it has gone.

    def _close_whole(self, waiting: Sequence[Watched]) -> None:
        for watched in waiting:
            if watched.results is not None and not watched.results.partial and watched.done is None:
                watched.close("finished", "")

    def _close_written(self, waiting: list[Watched], current: Watched | None) -> None:
        """Those with results: partial ones too, except those that were only written because `current` had to stop."""
        self._close_whole(waiting)
        stopped = self._ending_with(current, waiting) if current is not None else []
        for watched in waiting:
            if watched.results is not None and watched.done is None and watched not in stopped:
                watched.close("partial", f"Not answered: {watched.unanswered() or 'some samples'}.")

    def _after(self, ending: Ending, code: int, current: Watched, waiting: list[Watched]) -> None:
        unfinished = [watched for watched in waiting if watched.done is None]
        ending_with = self._ending_with(current, waiting)
        failure = current.failed
        if ending == "out of memory" or (failure is not None and failure.reason == "out of memory"):
            return self._out_of_memory(current, ending_with, killed=ending == "out of memory")
        if ending == "deleted":
            return self._deleted(unfinished, ending_with)
        if ending in ("stopped", "killed now"):
            if ending == "stopped":
                self._recover(current, ending_with, "did not stop when asked to" if code == -signal.SIGKILL else "")
            return self._close_all(unfinished, "cancelled", "Stopped by the user.")
        if ending == "timed out":
            return self._timed_out(current, ending_with)
        if ending == "no room":
            return self._close_all(unfinished, "failed", no_room_words(current))
        message = failure_words(current, code, waiting[0].run.worker_log)
        if not current.planned:  # nothing about these weights or tasks works: the other runs would fail the same way
            return self._close_all(unfinished, "failed", message)
        self._recover(current, ending_with)
        return self._close_unless_whole(ending_with, "failed", message)

    def _deleted(self, unfinished: Sequence[Watched], ending_with: Sequence[Watched]) -> None:
        gone = [watched for watched in unfinished if watched.deleted]
        rest = [watched for watched in ending_with if watched not in gone]
        self._close_all(gone, "failed", "Its files were deleted while it ran.")
        for watched in rest:
            self._recover(watched, [watched])
        self._close_unless_whole(rest, "failed", "The files of the run beside it were deleted while both ran.")

    def _out_of_memory(self, current: Watched, ending_with: Sequence[Watched], *, killed: bool) -> None:
        smaller = self._memory_share / 2
        if killed and smaller >= SMALLEST_MEMORY_SHARE and current.batch_size != 1:
            self._memory_share = smaller
            why = f"{memory_words(killed=killed)}; resuming from the journal"
            current.tell(ev.Decision(what="memory", choice=f"{smaller:.3g} of what was planned", why=why))
            return
        self._recover(current, ending_with)
        self._close_unless_whole(ending_with, "failed", no_memory_words(current, killed=killed))

    def _timed_out(self, current: Watched, ending_with: Sequence[Watched]) -> None:
        why = f"no sign of life for {format_duration(self._settings.timeout or 0)}"
        stalled = current.at_work()
        if stalled is not None:
            given_up = current.give_up_on(stalled, why)
            if self._settings.skip_stalled and given_up:
                current.tell(ev.Warned(message=f"Gave up on {stalled}: {why}. The run continues without it."))
                return
        self._recover(current, ending_with)
        doing = f" at {stalled}" if stalled else ""
        self._close_unless_whole(ending_with, "timed out", f"N{why[1:]}{doing}.")

    def _recover(self, current: Watched, ending_with: Sequence[Watched], why: str = "") -> None:
        """Score what was answered, where the worker has not done it. `why`: what the documents that `current` had in
        hand did to deserve being left out of it."""
        for watched in ending_with:
            if watched.results is not None:
                continue
            if why and watched is current and (stuck := watched.at_work()) is not None:
                watched.give_up_on(stuck, why)
            Recovery(
                watched, self._idle, lambda: self._control.kill_requested, self._settings.timeout, self._environment
            ).score()

    def _close_unless_whole(self, ending_with: Sequence[Watched], status: Status, message: str) -> None:
        """The worker may have been struck after its last answer: then nothing is missing from what was recovered."""
        self._close_whole(ending_with)
        for watched in ending_with:
            if watched.done is None:
                watched.close(status, message)

    def _close_all(self, unfinished: Sequence[Watched], status: Status, message: str) -> None:
        for watched in unfinished:
            watched.close(status, message)
