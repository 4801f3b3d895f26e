"""Starts a worker, watches it, ends it, and leaves a done record for every run whatever happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchtui.durations import format_duration
from benchtui.runs import events as ev
from benchtui.runs.control import Control
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal import Journal, answered_requests
from benchtui.runs.process import WorkerProcess
from benchtui.runs.records import DoneRecord, LaunchRecord, Status, done_now, this_process, write_record
from benchtui.runs.watchdog import Watchdog

POLL = 0.05
GRACE = 10.0
EXIT_PATIENCE = 5.0
"""Seconds a worker may take to leave after its results are on disk."""
SCORING_PATIENCE = 600.0
SMALLEST_MEMORY_SHARE = 1 / 64

Ending = Literal["finished", "stopped", "killed now", "timed out", "out of memory", "failed"]


@dataclass(frozen=True)
class SuperviseSettings:
    """`timeout` in seconds without a sign of life, None for none; `skip_stalled` gives up on stalled documents."""

    timeout: float | None = None
    skip_stalled: bool = False
    grace: float = GRACE


@dataclass
class _Watched:
    """What the supervisor has learned about one run from its events."""

    run: RunDirectory
    reader: ev.EventReader
    writer: ev.EventWriter
    started: float = field(default_factory=time.time)
    results: ev.Results | None = None
    failed: ev.Failed | None = None
    in_flight: ev.InFlight | None = None
    planned: bool = False
    totals: dict[str, int] = field(default_factory=dict)
    done: DoneRecord | None = None
    write_error: OSError | None = None

    def tell(self, event: ev.Event) -> None:
        """Append our own event; a full disk keeps it from being written, and must not keep us from ending the run."""
        try:
            self.writer.emit(event)
        except OSError as error:
            self.write_error = error

    def note(self, event: ev.Event) -> bool:
        """Learn from one event; whether it was a sign of life."""
        match event:
            case ev.Results():
                self.results = event
            case ev.Failed():
                self.failed = event
            case ev.InFlight():
                self.in_flight = event
                return False  # says what is tried, not that anything advanced
            case ev.Planned():
                self.planned = True
            case ev.Progress():
                self.totals[event.task] = event.requests_total
            case ev.Watchdog() | ev.WorkerStarted() | ev.WorkerEnded() | ev.Done():
                return False
        return True


class Supervisor:
    """Runs that share one set of weights, evaluated by one worker at a time until each has its done record.

    `on_tick` is called about twenty times a second from the supervising thread, for a display.
    """

    def __init__(
        self,
        runs: Sequence[RunDirectory],
        settings: SuperviseSettings,
        control: Control,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._control = control
        self._on_tick = on_tick
        self._memory_share = 1.0
        self._attempt = 0
        self._watched = [_Watched(run, _reader_at_end(run.events), ev.EventWriter(run.events)) for run in runs]

    def supervise(self) -> list[DoneRecord]:
        """Evaluate every run; returns their done records, in order."""
        for watched in self._watched:
            watched.run.done.unlink(missing_ok=True)
            watched.run.cancel.unlink(missing_ok=True)
            launch = LaunchRecord(this_process(), time.time(), watched.run.plan().bench_id)
            write_record(watched.run.launch, launch)
        while waiting := [watched for watched in self._watched if watched.done is None]:
            self._one_worker(waiting)
        for watched in self._watched:
            watched.writer.close()
        return [watched.done for watched in self._watched if watched.done is not None]

    # One worker, from start to end.

    def _one_worker(self, waiting: list[_Watched]) -> None:
        self._attempt += 1
        if self._control.stop_requested:
            return self._close_all(waiting, "cancelled", "Stopped before it began.")
        kills_before = _kernel_oom_kills()
        worker = self._start(waiting)
        try:
            ending = self._watch(worker, waiting)
        finally:
            code = worker.reap()
        self._collect(waiting)
        self._finish_those_with_results(waiting)
        current = next((w for w in waiting if w.done is None), None)
        if current is None:
            return None
        if ending == "failed" and code == -9 and _kernel_oom_kills() > kills_before:
            ending = "out of memory"
        current.tell(ev.WorkerEnded(exit_code=code, reason=ending, detail=_exit_words(code)))
        return self._after(ending, code, current, waiting)

    def _start(self, waiting: list[_Watched]) -> WorkerProcess:
        arguments = [str(watched.run.path) for watched in waiting]
        if self._memory_share < 1:
            arguments = ["--memory-share", str(self._memory_share), *arguments]
        worker = WorkerProcess(arguments, waiting[0].run.worker_log)
        for watched in waiting:
            watched.failed = None
            watched.tell(ev.WorkerStarted(pid=worker.pid, attempt=self._attempt))
        return worker

    def _watch(self, worker: WorkerProcess, waiting: list[_Watched]) -> Ending:
        """Until the worker has left or has been ended; says which."""
        watchdog = Watchdog(self._settings.timeout)
        last_sign = results_at = time.monotonic()
        output = 0
        while worker.poll() is None:
            self._control.wait(POLL)
            self._on_tick()
            now = time.monotonic()
            if self._collect(waiting) or worker.output_bytes != output:
                last_sign, output = now, worker.output_bytes
            current = next((w for w in waiting if w.results is None), None)
            if current is None:
                if now - results_at > EXIT_PATIENCE:
                    return "finished"  # it hangs at exit; its results are on disk
                continue
            results_at = now
            if self._control.kill_requested:
                return "killed now"
            if self._control.stop_requested or self._cancelled_elsewhere(waiting):
                worker.end(self._settings.grace, lambda: self._control.kill_requested)
                return "stopped"
            verdict = watchdog.judge(now, last_sign)
            if verdict == "timed out":
                self._end_stalled(worker, current, now - last_sign)
                return "timed out"
            if verdict != "fine":
                remaining = watchdog.remaining(now, last_sign)
                current.tell(ev.Watchdog(state=verdict, silent=now - last_sign, remaining=remaining))
        if all(watched.results for watched in waiting):
            return "finished"
        return "stopped" if self._control.stop_requested else "failed"

    def _cancelled_elsewhere(self, waiting: list[_Watched]) -> bool:
        if any(watched.run.cancel.exists() for watched in waiting):
            self._control.stop_requested = True  # for the runs after these as well
            return True
        return False

    def _end_stalled(self, worker: WorkerProcess, current: _Watched, silent: float) -> None:
        current.tell(ev.Watchdog(state="stacks", silent=silent, remaining=0))
        worker.dump_stacks()
        time.sleep(0.5)  # the handler writes at once, unless the process is stopped
        current.tell(ev.Watchdog(state="terminating", silent=silent, remaining=0))
        worker.end(self._settings.grace)

    def _collect(self, waiting: list[_Watched]) -> bool:
        """Read what is new; whether any of it is a sign of life."""
        alive = False
        for watched in waiting:
            while new := watched.reader.read():
                for event in new:
                    alive |= watched.note(event)
        return alive

    # What to do once it has gone.

    def _finish_those_with_results(self, waiting: list[_Watched]) -> None:
        for watched in waiting:
            if watched.results is not None and watched.done is None:
                partial = watched.results.partial
                message = "Some documents could not be answered." if partial else ""
                self._close(watched, "partial" if partial else "finished", message)

    def _after(self, ending: Ending, code: int, current: _Watched, waiting: list[_Watched]) -> None:
        unfinished = [watched for watched in waiting if watched.done is None]
        failure = current.failed
        if ending == "out of memory" or (failure is not None and failure.reason == "out of memory"):
            return self._out_of_memory(current, ending == "out of memory")
        if ending in ("stopped", "killed now"):
            if ending == "stopped":
                self._recover(current)
            return self._close_all(unfinished, "cancelled", "Stopped by the user.")
        if ending == "timed out":
            return self._timed_out(current)
        if ending == "finished":  # every run has its results: nothing is left to close
            return None
        message = failure.message if failure else f"The worker ended without a word ({_exit_words(code)})."
        if failure and failure.next_step:
            message += f" → {failure.next_step}"
        if failure and failure.reason == "disk full":
            return self._close_all(unfinished, "failed", message)
        if not current.planned:  # nothing about these weights or tasks works: the other runs would fail the same way
            return self._close_all(unfinished, "failed", message)
        self._recover(current)
        return self._close(current, "failed", message)

    def _out_of_memory(self, current: _Watched, killed: bool) -> None:
        smaller = self._memory_share / 2
        what = "The operating system ended the worker because memory ran out" if killed else "Memory ran out"
        if killed and smaller >= SMALLEST_MEMORY_SHARE:
            self._memory_share = smaller
            choice = f"{smaller:.3g} of what was planned"
            current.tell(ev.Decision(what="memory", choice=choice, why=f"{what}; going on from the journal"))
            return
        self._recover(current)
        failure = current.failed
        text = f"{failure.message} → {failure.next_step}" if failure else f"{what}, even for one sequence at a time."
        self._close(current, "failed", text)

    def _timed_out(self, current: _Watched) -> None:
        seconds = format_duration(self._settings.timeout or 0)
        stalled = current.in_flight
        named = ", ".join(f"{stalled.task} document {d.doc_id}" for d in stalled.documents[:5]) if stalled else ""
        if self._settings.skip_stalled and stalled and stalled.documents:
            with Journal(current.run.journal) as journal:
                for document in stalled.documents:
                    journal.skip(stalled.task, document.doc_id, f"no sign of life for {seconds}")
            current.in_flight = None
            current.tell(
                ev.Warned(message=f"Gave up on {named}: no sign of life for {seconds}. Going on without.", next_step="")
            )
            return
        self._recover(current)
        doing = f" while working on {named}" if named else ""
        self._close(current, "timed out", f"No sign of life for {seconds}{doing}.")

    def _recover(self, current: _Watched) -> None:
        """Score what was answered, without the model, and write it as partial results."""
        if not answered_requests(current.run.journal):
            return
        worker = WorkerProcess(["--score", str(current.run.path)], current.run.worker_log)
        watchdog = Watchdog(SCORING_PATIENCE)
        last_sign = time.monotonic()
        try:
            while worker.poll() is None:
                self._control.wait(POLL)
                self._on_tick()
                if self._collect([current]):
                    last_sign = time.monotonic()
                if self._control.kill_requested or watchdog.judge(time.monotonic(), last_sign) == "timed out":
                    break
        finally:
            worker.reap()
        self._collect([current])

    def _close_all(self, unfinished: list[_Watched], status: Status, message: str) -> None:
        for watched in unfinished:
            self._close(watched, status, message)

    def _close(self, watched: _Watched, status: Status, message: str) -> None:
        watched.done = done_now(
            status,
            message,
            watched.started,
            answered=answered_requests(watched.run.journal),
            total=sum(watched.totals.values()),
            results=watched.results.file if watched.results else None,
        )
        try:
            write_record(watched.run.done, watched.done)
            watched.run.cancel.unlink(missing_ok=True)
        except OSError as error:  # without its done record the run counts as died, and can be resumed
            watched.write_error = error
        watched.tell(ev.Done(status=status, message=message))
        self._on_tick()


def _reader_at_end(path: Path) -> ev.EventReader:
    """Follows only what comes from now on: the events of an earlier attempt say nothing about this worker."""
    reader = ev.EventReader(path)
    while reader.read():
        pass
    return reader


def _exit_words(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    import signal

    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _kernel_oom_kills() -> int:
    """How often the kernel has killed for lack of memory since it booted; 0 where it does not tell."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        return 0  # not Linux
    return 0
