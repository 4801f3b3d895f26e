"""What runs on a machine of the cluster: an actor that starts the worker there, with a copy of its runs, and hands over
what it writes.

Everything that is handed over is asked for by where the last of it ended, so that asking twice changes nothing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

import benchtui
from benchtui.files import open_run_file
from benchtui.runs.directory import RunDirectory, WorkerFiles
from benchtui.runs.journal.journal import Excerpt, Journal
from benchtui.supervise.cluster.trees import Tree, packages_here, same_files
from benchtui.supervise.process import LocalWorker
from benchtui.tasks.cache import cache_folder

NEWS_WAIT = 1.0
"""Seconds that a question for news waits for some."""
LOOK_EVERY = 0.1
CLOCK_STEP = 0.001
"""Seconds by which a clock goes back that was set, and does not only run slowly."""
MOST_BYTES = 1024 * 1024
"""Of each file in one answer."""
MOST_ANSWERS = 20_000
"""Of a journal in one answer, but for what belongs to the same batch."""
_RUNS = "benchtui-runs-"


class Facts(msgspec.Struct, frozen=True):
    """A machine of the cluster: its name, the versions of the packages that were asked about ("" where one is missing),
    and the folders of those that plans name files of."""

    name: str
    versions: dict[str, str]
    folders: dict[str, str]


class RunCopy(msgspec.Struct, frozen=True):
    """A run as its worker needs it: the plan, what its journal holds from before, and what the shard's own holds."""

    plan: bytes
    before: Excerpt | None
    shard: Excerpt | None


class Setup(msgspec.Struct, frozen=True):
    """What a worker is started with; the fields as in a WorkerJob."""

    module: str
    options: tuple[str, ...]
    shard: int
    environment: dict[str, str]
    runs: list[RunCopy]


class RunCursor(msgspec.Struct, frozen=True):
    """How much of a run's events was handed over, in bytes, and when the last answer was given that was."""

    events: int = 0
    since: float = 0.0


class Cursor(msgspec.Struct, frozen=True):
    """Where the last news ended."""

    runs: list[RunCursor]
    log: int = 0
    stacks: int = 0


class RunNews(msgspec.Struct, frozen=True):
    """What is new of a run: whole lines of events, answers, and what the worker has in hand. The answers are all that
    these events tell of; where there are too many for one answer, the events follow later."""

    events: bytes
    answers: Excerpt | None
    in_hand: bytes


class News(msgspec.Struct, frozen=True):
    """What is new of a worker. `ended` is its exit status once nothing more will follow."""

    cursor: Cursor
    runs: list[RunNews]
    log: bytes
    stacks: bytes
    output_bytes: int
    ended: int | None = None
    killed_for_memory: bool = False


class NodeWorker:
    """One worker on this machine, with its runs in a folder that is deleted with it."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._runs: list[RunDirectory] = []
        self._files: list[WorkerFiles] = []
        self._worker: LocalWorker | None = None
        self._error: Exception | None = None
        self._clock = 0.0

    def facts(self, packages: Sequence[str]) -> bytes:
        """Facts of this machine."""
        versions = {name: _version(name) for name in packages} | {"benchtui": benchtui.__version__}
        return msgspec.msgpack.encode(Facts(socket.gethostname(), versions, packages_here()))

    def holds(self, tree: bytes) -> str:
        """Where this machine has these files: in the same place as the machine they come from, or in the cache of what
        was sent here; "" where it does not."""
        wanted = msgspec.msgpack.decode(tree, type=Tree)
        for root in (Path(wanted.root), _kept(wanted)):
            if same_files(wanted, root):
                return str(root)
        return ""

    def receive(self, tree: bytes, name: str, offset: int, piece: bytes, digest: str) -> None:
        """Write a piece of a file that is sent here. Raises OSError, ValueError for a piece that was damaged."""
        wanted = msgspec.msgpack.decode(tree, type=Tree)
        if hashlib.sha256(piece).hexdigest() != digest:
            raise ValueError(f"{name} was damaged on its way")
        if name not in {file.name for file in wanted.files} or ".." in Path(name).parts or Path(name).is_absolute():
            raise ValueError(f"{name} is none of the files that are sent")
        path = _arriving(wanted) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(descriptor, piece, offset)
        finally:
            os.close(descriptor)

    def keep(self, tree: bytes) -> str:
        """Where the files are that were sent, now that all of them are here; "" where they are not what they were."""
        wanted = msgspec.msgpack.decode(tree, type=Tree)
        arrived, kept = _arriving(wanted), _kept(wanted)
        if not same_files(wanted, arrived):
            shutil.rmtree(arrived.parent, ignore_errors=True)
            return ""
        shutil.rmtree(kept.parent, ignore_errors=True)  # damaged since: `holds` found nothing there
        arrived.parent.rename(kept.parent)
        return str(kept)

    def begin(self, setup: bytes) -> int:
        """Start the worker; its process id. Raises OSError, and sqlite3.Error."""
        given = msgspec.msgpack.decode(setup, type=Setup)
        _remove_abandoned()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_RUNS}{os.getpid()}-"))
        for number, copy in enumerate(given.runs):
            run = RunDirectory(self._folder / str(number))
            files = run.files_of(given.shard)
            files.folder.mkdir(parents=True)
            run.plan_file.write_bytes(copy.plan)
            for path, held in ((run.journal, copy.before), (files.journal, copy.shard)):
                if held is not None:
                    _write_journal(path, held)
            self._runs.append(run)
            self._files.append(files)
        started = threading.Event()
        # Linux ends the worker with the thread that started it, so that is one of its own.
        threading.Thread(target=self._run, args=(given, started), name="worker", daemon=True).start()
        started.wait()
        if self._worker is None:
            raise self._error or OSError("the worker could not be started")
        return self._worker.pid

    def _run(self, given: Setup, started: threading.Event) -> None:
        arguments = (*given.options, *(str(run.path) for run in self._runs))
        try:
            worker = LocalWorker(arguments, self._files[0].log, given.environment, module=given.module)
        except Exception as error:  # noqa: BLE001 - raised in `begin`, which waits for it
            self._error = error
            started.set()
            return
        self._worker = worker
        started.set()
        threading.Event().wait()  # as long as there is this process

    def give(self, run: int, offset: int, chunks: bytes) -> None:
        """Add to the chunks that the worker is given of a run."""
        descriptor = open_run_file(self._files[run].chunks, os.O_WRONLY)
        try:
            os.pwrite(descriptor, chunks, offset)
        finally:
            os.close(descriptor)

    def ask(self, to: str) -> None:
        """Ask the worker to stop or to write its stacks, or end it with all that it started."""
        worker = self._worker
        if worker is None:
            return
        if to == "stop":
            worker.ask_to_stop()
        elif to == "stacks":
            worker.dump_stacks()
        else:
            worker.kill()

    def news(self, cursor: bytes) -> bytes:
        """What is new since `cursor`, as soon as there is anything, or after a second."""
        known, worker = msgspec.msgpack.decode(cursor, type=Cursor), self._worker
        if worker is None:
            raise RuntimeError("the worker was not started")
        deadline = time.monotonic() + NEWS_WAIT
        while worker.poll() is None and not self._is_new(known) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
        return msgspec.msgpack.encode(self._news(known, worker))

    def close(self) -> None:
        """End what is left of the worker, and delete its folder."""
        if self._worker is not None:
            self._worker.reap()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _is_new(self, known: Cursor) -> bool:
        sizes = [_size(files.events) > run.events for files, run in zip(self._files, known.runs, strict=True)]
        return any(sizes) or _size(self._files[0].log) > known.log or _size(self._files[0].stacks) > known.stacks

    def _news(self, known: Cursor, worker: LocalWorker) -> News:
        code = worker.poll()  # first: what a worker that has ended had to tell is all in its files
        clock = time.time() - time.monotonic()
        again, self._clock = clock < self._clock - CLOCK_STEP, clock  # set back: later answers may look older
        runs, cursors, more = [], [], False
        for number, run in enumerate(known.runs):
            news, place, left = self._run_news(number, RunCursor(run.events, 0.0 if again else run.since))
            runs.append(news)
            cursors.append(place)
            more = more or left
        log, stacks = _read(self._files[0].log, known.log), _read(self._files[0].stacks, known.stacks)
        more = more or len(log) == MOST_BYTES or len(stacks) == MOST_BYTES
        return News(
            Cursor(cursors, known.log + len(log), known.stacks + len(stacks)),
            runs,
            log,
            stacks,
            worker.output_bytes,
            None if more else code,
            worker.killed_for_memory,
        )

    def _run_news(self, number: int, known: RunCursor) -> tuple[RunNews, RunCursor, bool]:
        """What is new of a run, where that ends, and whether there is more."""
        files = self._files[number]
        data = _read(files.events, known.events)
        lines = data[: data.rfind(b"\n") + 1]
        held, more = None, len(data) == MOST_BYTES
        if files.journal.is_file():
            held = self._answers(files, known.since)  # after the events: it holds all that they tell of
            if held is None or held.more:
                lines, more = b"", True
        place = RunCursor(known.events + len(lines), (held.latest if held else None) or known.since)
        return RunNews(lines, held, _read(files.in_hand, 0)), place, more

    def _answers(self, files: WorkerFiles, since: float) -> Excerpt | None:
        """The answers after `since`; None where they cannot be read yet. Raises sqlite3.Error where they never can."""
        try:
            with Journal(files.journal, read_only=True) as journal:
                return journal.excerpt(since, MOST_ANSWERS)
        except sqlite3.Error:
            if self._worker is None or self._worker.poll() is not None:
                raise
            return None  # its worker is about to make it


def _write_journal(path: Path, held: Excerpt) -> None:
    """A journal with what is known already, whose answers count as given before any of this machine's."""
    old = msgspec.structs.replace(held, answers=[(*row[:6], 0.0, *row[7:]) for row in held.answers])
    with Journal(path) as journal:
        journal.merge(old, path)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cache() -> Path:
    return cache_folder() / "sent-here"


def _kept(tree: Tree) -> Path:
    return _cache() / tree.key / Path(tree.root).name


def _arriving(tree: Tree) -> Path:
    """Where what is being sent to this actor is written."""
    return _cache() / f"{tree.key}.{os.getpid()}" / Path(tree.root).name


def _remove_abandoned() -> None:
    """Delete what actors left here that were ended by force."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_RUNS}*-*"):
        owner = folder.name.removeprefix(_RUNS).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(MOST_BYTES)
    except OSError:
        return b""
