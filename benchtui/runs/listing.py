"""All runs in a list, from their records and the last events: fast however long the runs were."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, Phase, Progress, WorkerStarted, decode
from benchtui.runs.files import open_regular_file, read_regular
from benchtui.runs.locate import KnownRun, known_runs
from benchtui.runs.outcome import next_step
from benchtui.runs.plan import LARGEST_PLAN, MADE_BY_NEWER, SCHEMA_VERSION, schema_of
from benchtui.runs.records import DoneRecord, RunState, read_done, read_launch, run_state

TAIL = 128 * 1024
"""Bytes of an events file that are read: it holds at least the last seconds of any run."""


class _Task(msgspec.Struct, frozen=True):
    name: str
    limit: float | None = None


class _PlanFacts(msgspec.Struct, frozen=True):
    """The part of a plan that a list shows; the rest is not even decoded."""

    model_name: str = ""
    role: str = ""
    suite: str | None = None
    tasks: tuple[_Task, ...] = ()
    bench_id: str = ""
    created: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def newer(self) -> bool:
        return self.schema_version > SCHEMA_VERSION


class ListedRun(msgspec.Struct, frozen=True):
    """One run as `benchtui runs` shows it. Times in seconds since the epoch, `seconds` how long it has taken;
    `documents` and `documents_total` are those of `task`, the one at work, or of all tasks when the run has ended and
    `task` is ""; `answered` and `total` count requests (all 0 where not known). `early`: it has finished without the
    rest, since its comparison was decided."""

    name: str
    model: str
    role: str
    suite: str | None
    tasks: tuple[str, ...]
    state: RunState
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
    newer: bool = False
    """Made by a newer benchtui, whose files may mean something else: listed, and refused everywhere else."""


def list_runs(outputs: Path) -> list[ListedRun]:
    """Every run below `outputs`, the newest first. Raises BenchtuiError when there is no such folder."""
    listed = [_listed(known) for known in known_runs(outputs)]
    return sorted(listed, key=lambda run: (run.started or 0.0, run.role != "base", run.name), reverse=True)


def _listed(known: KnownRun) -> ListedRun:
    run = known.run
    plan, launch, done = _plan_facts(run), read_launch(run), read_done(run)
    state = run_state(run) if done is None else done.status
    working: Progress | None = None
    ended = done.t if done else None
    if state in ("running", "died"):
        working, begun = _latest(run.events)
        if state == "running" and not begun:
            state = "waiting"  # its worker evaluates another run first
        ended = time.time() if state == "running" else _changed(run.events)
    started = launch.t if launch else _moment(plan.created)
    took = None if started is None or ended is None or launch is None else max(ended - started, 0.0)
    return ListedRun(
        name=known.name,
        model=plan.model_name or known.model,
        role=plan.role,
        suite=plan.suite,
        tasks=tuple(task.name for task in plan.tasks),
        state=state,
        task=working.task if working else "",
        documents=working.documents if working else done.documents if done else 0,
        documents_total=working.documents_total if working else done.documents_total if done else 0,
        answered=done.answered if done else 0,
        total=_total(done),
        started=started,
        seconds=None if state == "waiting" else took,
        message=MADE_BY_NEWER if plan.newer else done.message if done else "",
        next_step="" if known.set_aside or plan.newer else next_step(state, known.name),
        bench_id=plan.bench_id,
        path=str(run.path),
        early=done is not None and done.early,
        newer=plan.newer,
    )


def _total(done: DoneRecord | None) -> int:
    return max(done.total, done.answered) if done else 0


def _plan_facts(run: RunDirectory) -> _PlanFacts:
    raw = b"{}"
    try:
        raw = read_regular(run.plan_file, LARGEST_PLAN)
        facts = msgspec.json.decode(raw, type=_PlanFacts)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        facts = _PlanFacts(schema_version=_schema(raw))  # still listed, by its folder's name
    return _PlanFacts(schema_version=facts.schema_version) if facts.newer else facts


def _schema(raw: bytes) -> int:
    try:
        return schema_of(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return SCHEMA_VERSION


def newest_events(path: Path) -> Iterator[Event]:
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
            event = decode(line) if line else None
        if event is not None:
            yield event


def _latest(path: Path) -> tuple[Progress | None, bool]:
    """The last progress of a run, and whether its latest worker has come to it."""
    begun = None
    for event in newest_events(path):
        if isinstance(event, Progress):
            return event, True if begun is None else begun
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
