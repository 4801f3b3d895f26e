"""Describe a run line by line: which events get a line, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchtui.durations import format_duration
from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.routing import routing_words
from benchtui.reports.wording.states import (
    clock_words,
    decision_words,
    doing_words,
    in_flight_words,
    left_words,
    phase_words,
    rate_words,
    score_text,
    task_scores,
    watchdog_words,
)
from benchtui.reports.wording.workers import summary_words, worker_parts, workers_line
from benchtui.results.health import health_words
from benchtui.runs import events as ev
from benchtui.runs.follow.view import RowView, RunView
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress, Scores
from benchtui.runs.kinds.benchmark.view import leaf_tasks, row_routing
from benchtui.runs.workers import ENDED, MOST_SHOWN
from benchtui.text import one_line

PROGRESS_AT_MOST = 10.0
PROGRESS_AT_LEAST = 60.0
"""Seconds between two lines about one task: at least ten; at most a minute, or a tenth of the task, as it goes on."""
MOST_LOG_LINES = 20


@dataclass(frozen=True)
class _Told:
    at: float
    share: float


@dataclass(frozen=True)
class Line:
    """One line about a run; `t` in seconds since the epoch says when it happened."""

    t: float
    text: str

    def worded(self, label: str = "") -> str:
        """ "18:40:01 base: scoring": the time of day, whose line it is, and the text."""
        return f"{clock_words(self.t)} {label}: {self.text}" if label else f"{clock_words(self.t)} {self.text}"


class Narrator:
    """Describes one run, line by line."""

    def __init__(self, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self._told: dict[str, _Told] = {}
        self._log_lines = 0
        self._begun: set[tuple[str, str]] = set()
        self._scored: set[str] = set()
        self._planned: dict[str, tuple[int, int]] = {}
        self._answers_came = False
        self._in_flight: ev.InFlight | None = None
        self._workers: set[int] | None = None
        """Those that were told to have ended; None before any worker was told of."""

    def standing(self, view: RunView) -> list[Line]:
        """Return where a run stands when somebody begins to watch it after it began, or after it ended."""
        t = view.ended_at or view.last_sign or 0.0
        self._planned = {task.name: (task.documents_total, 0) for task in leaf_tasks(view)}
        self._answers_came = bool(view.counts.documents)
        lines = [phase_words(view)]
        if view.workers is not None and not view.ended:
            lines.append(summary_words(view.workers))
            self._workers = {worker.number for worker in view.workers.shown if worker.doing in ENDED}
        for row in view.rows:
            if row.over or (view.ended and row.share):
                score = score_text(row.score, self._glyphs.plus_minus) if row.score else ""
                lines.append(f"{one_line(row.name, 60)} {row.documents}/{row.documents_total} {score}".rstrip())
                if row.documents >= row.documents_total:
                    self._scored.add(row.name)
            elif row.active and row.share:
                lines.append(self._progress(view, row, t))
                self._told[row.name] = _Told(t, row.share)
        return [Line(t, line) for line in lines]

    def tell(self, view: RunView, new: Sequence[ev.Event]) -> list[Line]:
        """Return lines about what is new; `view` is the run after it."""
        lines = [line for event in new for line in self._event(view, event)]
        if new:
            lines += self._progress_lines(view, new[-1].t)
        return lines

    def _event(self, view: RunView, event: ev.Event) -> Iterator[Line]:
        match event:
            case ev.Phase() | Scores() | Planned() | ev.Results():
                yield from self._course(view, event)
            case ev.Warned() | ev.Log() | ev.Failed() | ev.Decision():
                yield from self._words(event)
            case ev.Watchdog() | ev.WorkerStarted() | ev.WorkerEnded() | ev.Done():
                if isinstance(event, ev.WorkerStarted):
                    self._answers_came, self._workers = False, None
                yield from self._supervision(view, event)
            case ev.Workers():
                yield from self._workers_change(view, event)
            case ev.InFlight():
                self._in_flight = event
            case Progress():
                self._answers_came = True

    def _course(self, view: RunView, event: ev.Phase | Scores | Planned | ev.Results) -> Iterator[Line]:
        match event:
            case ev.Phase():
                yield from self._phase_begins(view, event)
            case Planned():
                yield from self._plan(event)
            case Scores() if event.final:
                yield from self._final_scores(view, event)
            case ev.Results():
                place = filter(None, (one_line(event.folder, 40), one_line(event.file, 120)))
                yield Line(event.t, f"results written: {'/'.join(place)}")

    def _plan(self, event: Planned) -> Iterator[Line]:
        """Yield a line for tasks that are new, or of another size: each of several workers names them, and so does who
        scores what this run answered."""
        known = {task.task: (task.documents, self._before(task)) for task in event.tasks}
        if known.items() <= self._planned.items():
            return
        self._planned |= known
        answered = sum(before for _, before in known.values())
        before = f"; {answered:,} requests were answered before" if answered else ""
        tasks = f"{len(known)} task{'s' if len(known) > 1 else ''}"
        yield Line(event.t, f"{tasks}, {sum(size for size, _ in known.values()):,} samples{before}")

    def _before(self, task: PlannedTask) -> int:
        """Return how many requests were answered before the worker began: whoever scores them later finds all."""
        if self._answers_came and task.task in self._planned:
            return self._planned[task.task][1]
        return task.answered

    def _phase_begins(self, view: RunView, event: ev.Phase) -> Iterator[Line]:
        """Yield a line for a phase that takes a while. The tasks of a group share one line, and what was
        complete before has none."""
        if event.name in ("scoring", "writing"):
            return
        task = next((task for task in leaf_tasks(view) if task.name == event.task), None)
        row = next((row for row in view.rows if task is not None and row.name == task.group), None)
        name, extra = event.task, one_line(event.detail, 120)
        if row is not None and row.leaves > 1:
            name, extra = row.name, f"{row.leaves} tasks"
        if (event.name, name) in self._begun or name in self._scored:
            return
        self._begun.add((event.name, name))
        yield Line(event.t, _phase_line(event.name, name) + (f" ({extra})" if extra else ""))

    def _final_scores(self, view: RunView, event: Scores) -> Iterator[Line]:
        task = next((task for task in leaf_tasks(view) if task.name == event.task), None)
        if task is None:
            return
        row = next((row for row in view.rows if row.name == task.group), None)
        name, scores = one_line(task.name, 60), task_scores(task, self._glyphs.plus_minus)
        if row is None or row.leaves == 1:
            if task.state == "done" and task.name in self._scored:
                return
            self._scored.add(task.name)
            whole = task.documents >= task.documents_total
            done = "" if whole else f"{task.documents}/{task.documents_total} samples"
            took = f"took {format_duration(task.seconds)}" if task.seconds is not None else ""
            extra = ", ".join(part for part in (done, took) if part)
            yield Line(event.t, f"{name}: {scores}" + (f" ({extra})" if extra else ""))
            yield from (Line(event.t, f"{name}: {words}") for words in health_words(task.health))
            if task.routing is not None:
                yield Line(event.t, f"{name}: {routing_words(task.routing, self._glyphs)}")
        elif row.over and row.name not in self._scored:
            self._scored.add(row.name)
            score = score_text(row.score, self._glyphs.plus_minus) if row.score else "no common score"
            yield Line(event.t, f"{one_line(row.name, 60)}: {score}, average of {row.leaves} tasks")
            yield from (Line(event.t, f"{one_line(row.name, 60)}: {words}") for words in health_words(row.health))
            if routing := row_routing(view, row):
                yield Line(event.t, f"{one_line(row.name, 60)}: {routing_words(routing, self._glyphs)}")

    def _words(self, event: ev.Warned | ev.Log | ev.Failed | ev.Decision) -> Iterator[Line]:
        match event:
            case ev.Decision():
                yield Line(event.t, decision_words(event))
            case ev.Warned() | ev.Failed():
                kind = "warning" if isinstance(event, ev.Warned) else "failed"
                step = f" {self._glyphs.next_step} {one_line(event.next_step, 200)}" if event.next_step else ""
                yield Line(event.t, f"{kind}: {one_line(event.message, 300)}{step}")
            case ev.Log() if event.level in ("warning", "error") and self._log_lines < MOST_LOG_LINES:
                self._log_lines += 1
                yield Line(event.t, f"{event.level}: {one_line(event.message, 300)}")
                if self._log_lines == MOST_LOG_LINES:
                    yield Line(event.t, "further messages are only in run/events.jsonl")

    def _supervision(
        self, view: RunView, event: ev.Watchdog | ev.WorkerStarted | ev.WorkerEnded | ev.Done
    ) -> Iterator[Line]:
        match event:
            case ev.Watchdog():
                yield Line(event.t, watchdog_words(event))
                if event.state in ("quiet", "terminating") and self._in_flight and self._in_flight.documents:
                    yield Line(event.t, f"working on {in_flight_words(self._in_flight)}")
            case ev.WorkerStarted() if event.attempt > 1:
                self._begun.clear()
                yield Line(event.t, f"worker started again, for the {_ordinal(event.attempt)} time")
            case ev.WorkerEnded() if event.reason != "finished":
                detail = f" ({one_line(event.detail, 120)})" if event.detail else ""
                yield Line(event.t, f"worker ended: {one_line(event.reason, 60)}{detail}")
            case ev.Done():
                message = f": {one_line(event.message, 300)}" if event.message else ""
                elapsed = view.elapsed(event.t)
                took = f" after {format_duration(elapsed)}" if elapsed is not None else ""
                yield Line(event.t, f"{event.status}{took}{message}")

    def _workers_change(self, view: RunView, event: ev.Workers) -> Iterator[Line]:
        """Yield how many workers there are, once, and a line for each of a few that has no more to do."""
        workers = view.workers
        if workers is None:
            return
        if self._workers is None:
            self._workers = set()
            yield Line(event.t, workers_line(workers))
        ended = [worker for worker in workers.shown if worker.doing in ENDED]
        for worker in ended:
            if worker.number not in self._workers and workers.total <= MOST_SHOWN:
                self._workers.add(worker.number)
                done, _, more = worker_parts(worker)
                about = ", ".join(part for part in (done, more) if part)
                yield Line(event.t, f"worker {worker.number + 1} of {workers.total}: {worker.doing} ({about})")

    def _progress_lines(self, view: RunView, t: float) -> Iterator[Line]:
        for row in view.rows:
            if not row.active or not row.share:
                continue
            told = self._told.setdefault(row.name, _Told(t, row.share))
            passed, moved = t - told.at, row.share - told.share
            due = passed >= PROGRESS_AT_MOST and (moved >= 0.1 or passed >= PROGRESS_AT_LEAST)
            if moved > 0 and due:
                self._told[row.name] = _Told(t, row.share)
                yield Line(t, self._progress(view, row, t))

    def _progress(self, view: RunView, row: RowView, t: float) -> str:
        parts = [f"{one_line(row.name, 60)} {row.documents}/{row.documents_total} ({int(100 * row.share)}%)"]
        if row.rate:
            parts.append(rate_words(row.rate))
        if left := left_words(row, t):
            parts.append(left.replace("?", " (a guess: few answers so far)"))
        if row.score is not None:
            parts.append(score_text(row.score, self._glyphs.plus_minus))
        if routing := row_routing(view, row):
            parts.append(routing_words(routing, self._glyphs))
        return ", ".join(parts)


def _phase_line(name: str, task: str) -> str:
    words = doing_words(name)
    if not task:
        return words
    return f"{words} {'for ' if name == 'building prompts' else ''}{one_line(task, 60)}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
