"""A run folder that came from somebody else: nothing is written through a link in it, whichever file it is."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchtui.benchmark.directories import lock_model
from benchtui.benchmark.remove import remove_run
from benchtui.compare.history.notes import write_note
from benchtui.errors import BenchtuiError
from benchtui.files import UnsafePlaceError, delete_run_file, read_regular, write_run_file
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import EventReader
from benchtui.runs.events import EventWriter, Phase
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.in_hand import InHandWriter, read_in_hand
from benchtui.runs.journal.journal import Journal, RequestKey, answered_requests
from benchtui.runs.listing import list_runs
from benchtui.runs.records import DoneRecord, read_done, write_record
from benchtui.supervise.process import LOG_HEAD, BoundedLog
from benchtui.supervise.watched import Watched
from benchtui.worker.guard import dump_stacks_on_signal
from tests.run_stories import make_run

CANARY = "untouched\n"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    file = tmp_path / "elsewhere" / "canary"
    file.parent.mkdir()
    file.write_text(CANARY)
    return file


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "outputs" / "model" / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15")


def journal(run: RunDirectory) -> None:
    with Journal(run.journal) as opened:
        opened.bind({"fingerprint": "x"})
        opened.record(RequestKey("arc", 1, 0), "d", "x")


def events(run: RunDirectory) -> None:
    writer = EventWriter(run.events)
    writer.emit(Phase(name="starting"))
    writer.close()


def log(run: RunDirectory) -> None:
    written = BoundedLog(run.worker_log)
    written.write(b"x" * (LOG_HEAD + 10))
    written.close()


def in_hand(run: RunDirectory) -> None:
    InHandWriter(run.in_hand).close()


def stacks(run: RunDirectory) -> None:
    dump_stacks_on_signal(run.stacks).close()


def taken_up(run: RunDirectory) -> None:
    Watched.open_for_supervision(run).writer.close()


def locked(run: RunDirectory) -> None:
    lock_model(run.path.parents[2], "model").release()


WRITERS: dict[str, tuple[str, Callable[[RunDirectory], None]]] = {
    "run/events.jsonl": ("events", events),
    "run/events.jsonl, by a supervisor": ("events", taken_up),
    "run/worker.log": ("worker_log", log),
    "run/in-hand.json": ("in_hand", in_hand),
    "run/stacks.txt": ("stacks", stacks),
    "run/journal.sqlite": ("journal", journal),
    "run/journal.sqlite-wal": ("journal-wal", journal),
    "run/journal.sqlite-shm": ("journal-shm", journal),
    "run/journal.sqlite-journal": ("journal-journal", journal),
    "benchmarks/.lock": (".lock", locked),
}


def place(run: RunDirectory, name: str) -> Path:
    if name == ".lock":
        return run.path.parents[1] / ".lock"
    file, _, tail = name.partition("-")
    path: Path = getattr(run, file)
    return path.with_name(f"{path.name}-{tail}") if tail else path


def plant(kind: str, path: Path, canary: Path) -> None:
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(canary)
    elif kind == "dangling link":
        path.symlink_to(canary.with_name("not-yet"))
    elif kind == "hard link":
        path.hardlink_to(canary)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            here = Path.cwd()
            os.chdir(path.parent)  # the name of a socket may not be long
            try:
                listener.bind(path.name)
            finally:
                os.chdir(here)


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "socket"])
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_in_place_is_refused(run: RunDirectory, canary: Path, name: str, kind: str) -> None:
    which, write = WRITERS[name]
    plant(kind, place(run, which), canary)
    with pytest.raises((UnsafePlaceError, BenchtuiError)) as raised:
        write(run)
    assert any(word in str(raised.value) for word in ("link", "not a regular file"))
    assert canary.read_text() == CANARY
    assert [entry.name for entry in canary.parent.iterdir()] == ["canary"]


def note(run: RunDirectory) -> None:
    write_note(run, "remark")


def done(run: RunDirectory) -> None:
    write_record(run.done, DoneRecord("failed", "", 0.0))


def cancel(run: RunDirectory) -> None:
    write_run_file(run.cancel, "asked")


def benchmark_json(run: RunDirectory) -> None:
    write_run_file(run.path.parents[1] / "benchmark.json", "{}")


def results(run: RunDirectory) -> None:
    write_run_file(run.lm_eval / "results_x.json", "{}")


REPLACED: dict[str, tuple[str, Callable[[RunDirectory], None]]] = {
    "note.txt": ("note.txt", note),
    "run/done.json": ("run/done.json", done),
    "run/cancel": ("run/cancel", cancel),
    "benchmark.json": ("../../benchmark.json", benchmark_json),
    "lm-eval/results_x.json": ("lm-eval/results_x.json", results),
}


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "socket"])
@pytest.mark.parametrize("name", REPLACED)
def test_what_is_written_whole_takes_the_links_place(run: RunDirectory, canary: Path, name: str, kind: str) -> None:
    relative, write = REPLACED[name]
    file = Path(os.path.normpath(run.path / relative))
    file.parent.mkdir(exist_ok=True)
    plant(kind, file, canary)
    write(run)
    assert canary.read_text() == CANARY
    assert [entry.name for entry in canary.parent.iterdir()] == ["canary"]
    assert file.is_file()
    assert not file.is_symlink()


@pytest.mark.parametrize("folder", ["benchmarks", "fine-tuned", "2026-11-20T10-30-15", "run", "lm-eval"])
def test_no_folder_on_the_way_may_be_a_link(run: RunDirectory, canary: Path, folder: str) -> None:
    run.lm_eval.mkdir(exist_ok=True)
    linked = next(path for path in (run.records, run.lm_eval, *run.path.parents, run.path) if path.name == folder)
    moved = canary.parent / folder
    linked.rename(moved)
    linked.symlink_to(moved)
    before = sorted(path.name for path in canary.parent.rglob("*"))
    for write in (events, log, in_hand, stacks, journal, done, cancel, taken_up, results):
        inside = write is results if folder == "lm-eval" else write is not results if folder == "run" else True
        if not inside:
            continue
        with pytest.raises((OSError, BenchtuiError, sqlite3.Error)) as raised:
            write(run)
        assert "link to another place" in str(raised.value)
    assert sorted(path.name for path in canary.parent.rglob("*")) == before
    if folder != "lm-eval":
        with pytest.raises(UnsafePlaceError):
            delete_run_file(run.plan_file)
        assert run.plan_file.exists()


def test_a_link_to_the_models_folder_is_the_users_own(run: RunDirectory, tmp_path: Path) -> None:
    linked = tmp_path / "outputs" / "by-link"
    linked.symlink_to(run.path.parents[2])
    there = RunDirectory(linked / run.path.relative_to(run.path.parents[2]))
    done(there)
    events(there)
    assert run.done.is_file()


def test_pipes_and_devices_keep_no_reader_waiting(run: RunDirectory, tmp_path: Path) -> None:
    for file in (run.launch, run.done, run.in_hand, run.events, run.journal, run.worker_log):
        file.unlink(missing_ok=True)
        os.mkfifo(file)
    (run.path.parents[1] / ".lock").unlink(missing_ok=True)
    os.mkfifo(run.path.parents[1] / ".lock")
    read = threading.Thread(target=_read_everything, args=(run, tmp_path / "outputs"), daemon=True)
    read.start()
    read.join(30)
    assert not read.is_alive(), "something waits for a pipe"


def _read_everything(run: RunDirectory, outputs: Path) -> None:
    read_done(run)
    read_in_hand(run.in_hand)
    answered_requests(run.journal)
    RunFollower(run).catch_up()
    list_runs(outputs)


def test_an_endless_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(UnsafePlaceError, match="not a regular file"):
        read_regular(Path("/dev/zero"))
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(OSError, match="larger than 16 MiB"):
        read_regular(large)
    assert EventReader(tmp_path / "missing").read() == []


SCHEMAS = {
    "a view that never ends": "DROP TABLE answers; CREATE VIEW answers AS WITH RECURSIVE n(task) AS "
    "(SELECT 1 UNION ALL SELECT task + 1 FROM n) SELECT task, 0 doc_id, 0 idx, 0 repeat, '' request, '' answer, 0 t, "
    "0 mark FROM n",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM meta; END",
    "a check": "ALTER TABLE meta ADD COLUMN x TEXT CHECK (length(randomblob(10)) > 0)",
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_journal_brings_no_code_of_its_own(run: RunDirectory, schema: str) -> None:
    journal(run)
    with closing(sqlite3.connect(run.journal)) as db:
        db.executescript(SCHEMAS[schema])
    answered_requests(run.journal)
    with Journal(run.journal) as opened:
        assert "damaged" in opened.salvaged
        opened.record(RequestKey("arc", 2, 0), "d", "x")
        assert opened.noted("fingerprint") == "x"
        assert opened.count() >= 1


@pytest.mark.parametrize("linked", ["benchmarks", "fine-tuned", "2026-11-20T10-30-15"])
def test_deleting_a_run_deletes_nothing_elsewhere(run: RunDirectory, canary: Path, linked: str) -> None:
    write_record(run.done, DoneRecord("failed", "", 0.0))
    place = next(path for path in (run.path, *run.path.parents) if path.name == linked)
    moved = canary.parent / linked
    place.rename(moved)
    place.symlink_to(moved)
    before = sorted(path.relative_to(moved) for path in moved.rglob("*"))
    with pytest.raises(BenchtuiError, match="cannot be deleted: it is a link to another place"):
        remove_run(run)
    assert sorted(path.relative_to(moved) for path in moved.rglob("*")) == before
    assert run.path.exists()


def test_deleting_a_run_leaves_what_its_links_lead_to(run: RunDirectory, canary: Path) -> None:
    write_record(run.done, DoneRecord("failed", "", 0.0))
    (run.path / "more").symlink_to(canary.parent)
    (run.path.parents[1] / "benchmark.json").symlink_to(canary)
    remove_run(run)
    assert canary.read_text() == CANARY
    assert not run.path.exists()
    assert not (run.path.parents[1] / "benchmark.json").is_symlink()
