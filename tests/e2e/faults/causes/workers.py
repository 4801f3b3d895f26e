"""Several workers for one run: one or all of them struck, their supervisor, and the files that they share."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Warned, WorkerStarted
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.faults.causes.memory import batch_sizes
from tests.e2e.faults.drive import Place, Running, done_record, events_of, on_disk, results_of, same_results
from tests.e2e.faults.kept import answered_of, row, with_score
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import WRITES

CLOSE = 1e-6
"""Relative: with several workers other documents are answered together."""


def workers(run: Running, directory: RunDirectory) -> dict[int, int]:
    """The process id of the worker in each slot that lives now, by the slot's number."""
    found = {}
    for files in directory.shards():
        started = [e for e in read_events(files.events) if isinstance(e, WorkerStarted) and e.t >= run.began]
        if started and run.alive(started[-1].pid):
            found[files.shard or 0] = started[-1].pid
    return found


def warnings(directory: RunDirectory) -> list[str]:
    return [event.message for event in events_of(directory) if isinstance(event, Warned)]


@fault("three workers: one killed, one that crashes, one stopped, all killed at once")
def struck_in_turn(place: Place) -> list[Row]:
    """One run: whoever is struck is replaced, and the run does not end."""
    reference = place.merged()
    pause = place.pause(at=10)
    run = place.run("merged", "--workers", "3", timeout="8s", env=pause.env)
    run.until(lambda: pause.reached(3))
    directory = run.newest_run()
    struck = []
    for name, slot, strike in (
        ("SIGKILL of one of three workers", 0, signal.SIGKILL),
        ("SIGSEGV of one of three workers", 1, signal.SIGSEGV),
        ("SIGSTOP of one of three workers", 2, signal.SIGSTOP),
    ):
        struck.append((name, answered_of(directory)))
        os.kill(workers(run, directory)[slot], strike)
    run.until(lambda: pause.reached(6))
    struck.append(("SIGKILL of all three workers", answered_of(directory)))
    for pid in workers(run, directory).values():
        os.kill(pid, signal.SIGKILL)
    pause.release()
    code = run.ended()
    assert code == 0, run.text
    assert batch_sizes(directory) == ["4"], "as it was asked for, however many share the memory"
    said = "\n".join(warnings(directory))
    assert "Worker 1 ended: failed (signal SIGKILL)." in said
    assert "Worker 2 ended: failed (signal SIGSEGV)." in said
    assert "Worker 3 ended: timed out" in said
    left, kept = len(place.left()), on_disk(directory)
    resumed = same_results(directory, reference, tolerance=CLOSE)
    return [Row(name, answered, kept, left, code, resumed) for name, answered in struck]


@fault("several workers: the supervisor killed twice, resumed with other numbers of workers")
def other_numbers(place: Place) -> list[Row]:
    """Three workers, then two, then one: what each left is kept, a shard's journal that was damaged salvaged."""
    reference = place.merged()
    pause = place.pause(at=12)
    run = place.run("merged", "--workers", "3", env=pause.env)
    run.until(lambda: pause.reached(3))
    directory = run.newest_run()
    for second in (place.run("merged", "--workers", "2"), place.resume(str(directory.path))):
        assert second.ended() == 1, second.text
        assert "is running" in second.text or f"process {run.process.pid} on" in second.text, second.text
    run.send(signal.SIGKILL)
    run.ended()
    rows = [row("supervisor of three killed", run, directory, "SIGKILL")]

    pause = place.pause(at=20)
    run = place.resume("--workers", "2", env=pause.env)
    run.until(lambda: pause.reached(2))
    run.send(signal.SIGKILL)
    run.ended()
    rows.append(row("… resumed with two, killed again", run, directory, "SIGKILL"))

    run = place.resume("--workers", "1")
    code = run.ended()
    assert code == 0, run.text
    assert "requests were answered before" in run.text, run.text
    assert place.runs("merged") == [directory]
    return with_score(rows, same_results(directory, reference, tolerance=CLOSE))


@fault("several workers: a shard's journal damaged while nobody runs")
def damaged_shard(place: Place) -> list[Row]:
    reference = place.merged()
    pause = place.pause(at=16)
    run = place.run("merged", "--workers", "2", env=pause.env)
    run.until(lambda: pause.reached(2))
    directory = run.newest_run()
    run.send(signal.SIGKILL)
    run.ended()
    assert not place.left()
    before = answered_of(directory)
    damaged, whole = (directory.files_of(number).journal for number in (0, 1))
    kept = answered_requests(whole)
    for tail in ("-wal", "-shm"):
        damaged.with_name(damaged.name + tail).unlink(missing_ok=True)
    damaged.write_bytes(os.urandom(50_000))
    run = place.resume("--workers", "3")
    code = run.ended()
    assert code == 0, run.text
    assert any("damaged" in message for message in warnings(directory)), run.text
    found = Row("journal of one of two shards damaged", before, f"{kept} answers read", len(place.left()), code, "")
    return with_score([found], same_results(directory, reference, tolerance=CLOSE))


@fault("several workers: a shard's folder deleted, replaced by a link, its chunks damaged")
def struck_folders(place: Place) -> list[Row]:
    reference = place.merged()
    rows = []
    for name, strike in FOLDERS.items():
        pause = place.pause(at=10)
        run = place.run("merged", "--workers", "3", "--no-resume", timeout="20s", env=pause.env)
        run.until(lambda pause=pause: pause.reached(3))  # type: ignore[misc]
        directory = run.newest_run()
        answered = answered_of(directory)
        strike(directory.files_of(1).folder)
        pause.release()
        code = run.ended()
        assert "Traceback" not in run.text, run.text
        found = Row(name, answered, on_disk(directory), len(place.left()), code, "")
        for link in (path for path in directory.records.rglob("*") if path.is_symlink()):
            link.unlink()
        if code:
            run = place.resume(str(directory.path))
            assert run.ended() == 0, run.text
        rows += with_score([found], same_results(directory, reference, tolerance=CLOSE))
    return rows


def _elsewhere(path: Path) -> Path:
    return path.parents[6] / f"elsewhere-{path.name}"


def _replace_folder(folder: Path) -> None:
    folder.rename(_elsewhere(folder))
    folder.symlink_to(_elsewhere(folder))


def _damage_chunks(folder: Path) -> None:
    with (folder / "chunks.jsonl").open("ab") as file:
        file.write(b'{"number": "x"}\n\xff\xfe[[[\n')


def _link_chunks(folder: Path) -> None:
    chunks = folder / "chunks.jsonl"
    chunks.rename(_elsewhere(chunks))
    chunks.symlink_to(_elsewhere(chunks))


def _pipe_for_chunks(folder: Path) -> None:
    (folder / "chunks.jsonl").unlink()
    os.mkfifo(folder / "chunks.jsonl")


FOLDERS: dict[str, Callable[[Path], None]] = {
    "shard's folder deleted while it runs": shutil.rmtree,
    "shard's folder replaced by a link": _replace_folder,
    "shard's chunks.jsonl damaged": _damage_chunks,
    "shard's chunks.jsonl replaced by a link": _link_chunks,
    "shard's chunks.jsonl replaced by a pipe": _pipe_for_chunks,
}


@fault("several workers: a document that kills every worker")
def deadly_document(place: Place) -> list[Row]:
    return _given_up_on(place, "dies:score 20", "signal SIGSEGV", "20s")


@fault("several workers: a document that stops every worker", long_only=True)
def hanging_document(place: Place) -> list[Row]:
    return _given_up_on(place, "sleeps:score 20", "no sign of life for 4s", "4s")


def _given_up_on(place: Place, what: str, words: str, timeout: str) -> list[Row]:
    """Three workers in a row end at it; the run ends without it, and with all the others."""
    reference = place.merged()
    run = place.run("merged", "--workers", "2", timeout=timeout, env={"FAULT": what})
    directory = run.newest_run()
    code = run.ended(240)
    assert code == 3, run.text
    done = done_record(directory)
    assert done.status == "partial", done.message
    assert done.message == f"Not answered: {WRITES} sample 20 ({words})."
    assert results_of(directory)["benchtui"]["documents"][WRITES]["unanswered"] == [20]
    assert sum("Gave up on" in message for message in warnings(directory)) == 1
    name = "a document that kills every worker" if "SIG" in words else "a document that hangs every worker"
    found = row(name, run, directory, code)
    run = place.resume("--workers", "2")
    assert run.ended() == 0, run.text
    return with_score([found], same_results(directory, reference, tolerance=CLOSE))
