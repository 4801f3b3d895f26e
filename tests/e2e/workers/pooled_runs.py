"""Runs with several real workers: begun, struck while they answer, and compared with those of one worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchtui.interpreter import this_python
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.journal.shards import answered_in
from tests.e2e.commands import Finished, benchtui, results_in
from tests.e2e.tiny import make_tiny_model

NEAR = 1e-4
"""Nats by which log-likelihoods may differ that were computed beside other documents in a batch."""
_OF_THE_MOMENT = ("date", "total_evaluation_time_seconds", "start_time", "end_time")


@dataclass(frozen=True)
class Place:
    """A folder with a model in outputs/m and tasks in tasks/; `arguments` are those of all its runs, `longest` is how
    many seconds one may take, `offline` that they connect to nothing."""

    folder: Path
    arguments: tuple[str, ...]
    longest: float = 280
    offline: bool = True

    @property
    def runs_folder(self) -> Path:
        (found,) = (self.folder / "outputs").iterdir()
        return found / "benchmarks" / "fine-tuned"

    def command(self, workers: int, *more: str) -> list[str]:
        shared = ("--outputs", "outputs", "--no-base", "--include-path", "tasks", "--no-readme")
        offline = ("--offline",) if self.offline else ()
        return ["run", *shared, *offline, *self.arguments, "--workers", str(workers), *more]

    def known(self) -> set[Path]:
        return set(self.runs_folder.iterdir()) if self.runs_folder.is_dir() else set()

    def run(self, workers: int, *more: str) -> RunDirectory:
        """A run from its beginning to its end."""
        known = self.known()
        ended = benchtui(*self.command(workers, *more), cwd=self.folder, timeout=self.longest)
        assert ended.code == 0, ended.err
        (path,) = self.known() - known
        return RunDirectory(path)

    def struck(self, workers: int, strike: Callable[[RunDirectory, subprocess.Popen[bytes]], bool]) -> RunDirectory:
        """A run during which `strike` is called again and again, until it says that it is done; waits for its end."""
        known = self.known()
        process = subprocess.Popen(
            this_python("-m", "benchtui", *self.command(workers)),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        struck = False
        while process.poll() is None:
            for path in self.known() - known:
                struck = struck or strike(RunDirectory(path), process)
            time.sleep(0.02)
        assert struck, (process.stderr.read() if process.stderr else b"").decode()
        (path,) = self.known() - known
        return RunDirectory(path)

    def resume(self, run: RunDirectory, workers: int) -> Finished:
        ended = benchtui("resume", run.path, "--include-path", "tasks", "--workers", str(workers), cwd=self.folder)
        assert ended.code == 0, ended.err
        return ended


def tiny_place(folder: Path, *arguments: str) -> Place:
    """A place with a tiny random model."""
    make_tiny_model(folder / "outputs" / "m")
    (folder / "tasks").mkdir()
    return Place(folder, arguments)


def shards_answered(run: RunDirectory) -> int:
    """How many answers there are in all journals."""
    try:
        return answered_in(run)
    except OSError:
        return 0


def worker_ids(run: RunDirectory) -> list[int]:
    """The processes of the workers that are alive, as the events of their shards name them."""
    found = []
    for files in run.shards():
        started = [event.pid for event in read_events(files.events) if isinstance(event, ev.WorkerStarted)]
        if started and Path(f"/proc/{started[-1]}").exists():
            found.append(started[-1])
    return found


def kill_one(run: RunDirectory, after: int, which: int = 0) -> bool:
    """Kill a worker once so many answers are on disk; whether that was done."""
    alive = worker_ids(run)
    if shards_answered(run) < after or not alive:
        return False
    with suppress(ProcessLookupError):
        os.kill(alive[which % len(alive)], signal.SIGKILL)
        return True
    return False


def kill_driver(after: int) -> Callable[[RunDirectory, subprocess.Popen[bytes]], bool]:
    """Kill the process that the user started, once so many answers are on disk."""

    def strike(run: RunDirectory, process: subprocess.Popen[bytes]) -> bool:
        if shards_answered(run) < after:
            return False
        process.kill()
        return True

    return strike


def answers(run: RunDirectory) -> dict[RequestKey, tuple[str, Any]]:
    """Every answer of a run that has ended, with the digest of what was asked."""
    assert not [files.journal for files in run.shards() if files.journal.exists()], "gathered into the run's own"
    with Journal(run.journal, read_only=True) as journal:
        tasks = {key.task for _, key, _ in journal.newest(10**6)}
        return {key: found for task in tasks for key, found in journal.answers(task).items()}


def assert_equal(one: RunDirectory, other: RunDirectory, near: float = NEAR) -> None:
    """The same questions, answers, scores and files; log-likelihoods up to `near`."""
    mine, theirs = answers(one), answers(other)
    assert mine.keys() == theirs.keys()
    assert {key: asked for key, (asked, _) in mine.items()} == {key: asked for key, (asked, _) in theirs.items()}
    assert_alike([mine[key][1] for key in mine], [theirs[key][1] for key in mine], near)
    assert_alike(results(one), results(other), near)
    files = {name(file): file for file in one.lm_eval.iterdir()}
    assert files.keys() == {name(file) for file in other.lm_eval.iterdir()}
    for file in other.lm_eval.glob("samples_*"):
        assert_alike(lines(files[name(file)]), lines(file), near)


def lines(file: Path) -> list[Any]:
    """The samples in a file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def name(file: Path) -> str:
    """A result file's name without its time."""
    return file.name.rpartition("_")[0]


def results(run: RunDirectory) -> dict[str, Any]:
    """The results file without times, speed and what hangs on the last digits of log-likelihoods."""
    content = results_in(run.lm_eval)
    for key in _OF_THE_MOMENT:
        content.pop(key, None)
    content["benchtui"].pop("speed")
    for health in content["benchtui"]["health"].values():
        health.pop("fingerprint", None)
    return content


def assert_alike(one: Any, other: Any, near: float, place: str = "") -> None:
    """Equal, numbers (also those that are written as text) up to `near`."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_alike(one[key], other[key], near, f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), place
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            assert_alike(mine, theirs, near, f"{place}/{number}")
    elif one != other:
        with suppress(TypeError, ValueError):
            assert float(one) == pytest.approx(float(other), abs=near, rel=0), place
            return
        pytest.fail(f"{place}: {one!r} and {other!r}")
