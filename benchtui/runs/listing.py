"""All runs in a list, from their records and the last events: fast however long the runs were."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.errors import MADE_BY_NEWER, BenchtuiError
from benchtui.files import open_regular_file, read_regular
from benchtui.plans.plan import LARGEST_PLAN, SCHEMA_VERSION, Plan, schema_of
from benchtui.runs.event_reader import decode
from benchtui.runs.events import Event, Phase, WorkerStarted
from benchtui.runs.kinds.kind import Kind, Working
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.known import KnownRun, known_runs
from benchtui.runs.outcome import RESUMABLE, next_step
from benchtui.runs.records import DoneRecord, RunState, read_done, read_launch, run_state

TAIL = 128 * 1024
"""Bytes of an events file that are read: it holds at least the last seconds of any run."""


class ListedRun(msgspec.Struct, frozen=True):
    """One run as `benchtui runs` shows it. Times in seconds since the epoch, `seconds` how long it has taken.

    `documents` and `documents_total` are those of `task`, which is being evaluated, or of all tasks when the run has
    ended and `task` is ""; `answered` and `total` count requests (all 0 where not known). `early`: it has finished
    without the rest, since its comparison was decided. `role` and `suite` are a benchmark's; for every kind `tasks` is
    what there is to do. `workers` is how many evaluated it at the same time. An "unreadable" run has no more than its
    place, and what is wrong as its `message`.
    """

    name: str
    model: str
    role: str
    suite: str | None
    tasks: tuple[str, ...]
    state: RunState | Literal["unreadable"]
    task: str
    documents: int
    documents_total: int
    answered: int
    total: int
    started: float | None
    seconds: float | None
    message: str
    next_step: str
    bench_id: str
    path: str
    early: bool = False
    kind: str = "benchmark"
    workers: int = 1
    newer: bool = False
    """Made by a newer benchtui, whose files may mean something else: listed, and refused everywhere else."""


def list_runs(outputs: Path) -> list[ListedRun]:
    """Every run below `outputs`, the newest first; one that cannot be read with what is wrong.

    Raises BenchtuiError when there is no such folder.
    """
    known = [known for known in known_runs(outputs) if known.problem or os.path.lexists(known.run.records)]
    listed = [list_run(run) for run in known]
    return sorted(listed, key=lambda run: (run.started or 0.0, run.role != "base", run.name), reverse=True)


def list_run(known: KnownRun) -> ListedRun:
    """One run as it is now; with what is wrong where it cannot be read."""
    if known.problem:
        return _unreadable(known, known.problem)
    try:
        return _readable(known, *read_kind(known.run))
    except BenchtuiError as error:
        newer = _is_newer(known)
        return _unreadable(known, MADE_BY_NEWER if newer else error.what, newer=newer)


def _is_newer(known: KnownRun) -> bool:
    try:
        return schema_of(read_regular(known.run.plan_file, LARGEST_PLAN)) > SCHEMA_VERSION
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _unreadable(known: KnownRun, problem: str, *, newer: bool = False) -> ListedRun:
    return ListedRun(
        name=known.name,
        model=known.model,
        role="",
        suite=None,
        tasks=(),
        state="unreadable",
        task="",
        documents=0,
        documents_total=0,
        answered=0,
        total=0,
        started=_changed(known.run.path),
        seconds=None,
        message=problem,
        next_step="",
        bench_id="",
        path=str(known.run.path),
        newer=newer,
    )


def _readable(known: KnownRun, kind: Kind, plan: Plan) -> ListedRun:
    run = known.run
    about = kind.about(plan)
    launch, done = read_launch(run), read_done(run)
    state = run_state(run) if done is None else done.status
    working: Working | None = None
    ended = done.t if done else None
    if state in ("running", "died"):
        working, begun = _latest(run.events, kind)
        if state == "running" and not begun:
            state = "waiting"  # its worker evaluates another run first
        ended = time.time() if state == "running" else _changed(run.events)
    started = launch.t if launch else _moment(plan.created)
    took = None if started is None or ended is None or launch is None else max(ended - started, 0.0)
    return ListedRun(
        name=known.name,
        model=plan.model_name or known.model,
        role=about.role,
        suite=about.suite,
        tasks=about.tasks,
        state=state,
        task=working.task if working else "",
        documents=working.documents if working else done.documents if done else 0,
        documents_total=working.documents_total if working else done.documents_total if done else 0,
        answered=done.answered if done else 0,
        total=_total(done),
        started=started,
        seconds=None if state == "waiting" else took,
        message=done.message if done else "",
        next_step="" if known.set_aside else _next_step(known, state, kind, plan),
        bench_id=plan.bench_id,
        path=str(run.path),
        early=done is not None and done.early,
        kind=kind.name,
        workers=max(launch.workers, 1) if launch else 1,
    )


def _next_step(known: KnownRun, state: RunState, kind: Kind, plan: Plan) -> str:
    if not kind.known:
        return ""
    flags = kind.resume_flags(known.run, plan) if state in RESUMABLE else ()
    return next_step(state, known.name, flags)


def _total(done: DoneRecord | None) -> int:
    return max(done.total, done.answered) if done else 0


def _newest_events(path: Path, kind: Kind) -> Iterator[Event]:
    """The last events of a file, the newest first; none when it cannot be read."""
    try:
        with open_regular_file(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL, 0))
            lines = file.read(TAIL).split(b"\n")
    except OSError:
        return
    for line in reversed(lines):  # the oldest may begin in its middle: it is no event then
        event = None
        with contextlib.suppress(RecursionError):
            event = decode(line, kind) if line else None
        if event is not None:
            yield event


def _latest(path: Path, kind: Kind) -> tuple[Working | None, bool]:
    """What a run said last about its progress, and whether its latest worker has begun it."""
    begun = None
    for event in _newest_events(path, kind):
        if (working := kind.working(event)) is not None:
            return working, True if begun is None else begun
        if begun is None and isinstance(event, Phase | WorkerStarted):
            begun = isinstance(event, Phase)
    return None, bool(begun)


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _moment(text: str) -> float | None:
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
