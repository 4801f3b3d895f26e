"""Several workers for one run: one or all of them struck, their supervisor, and the files that they share."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import ChunkDone, Warned, WorkerStarted
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.faults.causes.disk import fill, small_disk
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
    took = float(results_of(directory)["total_evaluation_time_seconds"])
    assert took > done_record(directory).seconds / 2, "of all workers together, and not of the one that scored"
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


@fault("two workers: Ctrl+C while they load, and while one waits for the other")
def pressed(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", "--workers", "2", on_terminal=True)
    directory = run.newest_run()
    run.until(lambda: len(workers(run, directory)) == 2)
    os.write(run.master, b"\x03")
    code = run.ended()
    assert code == 130, run.text
    rows = [row("two workers: Ctrl+C while they load", run, directory, code)]

    run = place.run("merged", "--workers", "2", timeout="300s", on_terminal=True, env={"FAULT": "sleeps:score 20"})
    directory = run.newest_run()
    run.until(lambda: _waits(directory, run))
    os.write(run.master, b"\x03")
    code = run.ended()
    assert code == 130, run.text
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results, "what was answered is scored"
    rows.append(row("… while one waits for the other", run, directory, code))
    run = place.resume(str(directory.path), "--workers", "2")
    assert run.ended() == 0, run.text
    return with_score(rows, same_results(directory, reference, tolerance=CLOSE))


def _waits(directory: RunDirectory, run: Running) -> bool:
    """Whether one of two workers has told the end of every chunk that it was given, a second ago."""
    for files in directory.shards():
        if not files.chunks.exists():
            continue
        given = [line for line in files.chunks.read_text().splitlines() if line != "null"]
        done = [event for event in read_events(files.events) if isinstance(event, ChunkDone) and event.t >= run.began]
        if done and len(done) == len(given) and time.time() - done[-1].t > 1:
            return True
    return False


@fault("two workers: the supervisor suspended longer than the timeout", long_only=True)
def suspended(place: Place) -> list[Row]:
    """A laptop that sleeps: nobody was watching, so nobody was silent."""
    reference = place.merged()
    pause = place.pause(at=12)
    run = place.run("merged", "--workers", "2", timeout="4s", env=pause.env)
    run.until(lambda: pause.reached(2))
    directory = run.newest_run()
    answered, pids = answered_of(directory), workers(run, directory)
    everybody = [run.process.pid, *pids.values()]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(9)
    for pid in everybody:
        os.kill(pid, signal.SIGCONT)
    pause.release()
    code = run.ended()
    assert code == 0, run.text
    assert not any("ended" in message for message in warnings(directory)), warnings(directory)
    kept, resumed = on_disk(directory), same_results(directory, reference, tolerance=CLOSE)
    return [Row("everybody suspended for longer than the timeout", answered, kept, len(place.left()), code, resumed)]


@fault("two workers: a full disk for one of them", long_only=True)
def full_shard(place: Place) -> list[Row]:
    reference = place.merged()
    pause = place.pause(at=8)
    run = place.run("merged", "--workers", "2", env=pause.env)
    run.until(lambda: pause.reached(2))
    directory = run.newest_run()
    run.send(signal.SIGTERM)
    run.until(lambda: "Stopping" in run.text)
    pause.release()
    assert run.ended() == 130, run.text
    answered = answered_of(directory)
    with small_disk(directory.files_of(1).folder, 1) as disk:
        if disk is None:
            return [Row("full disk for one of two", "–", "not possible here: a tmpfs cannot be mounted", 0, "–", "–")]
        fill(disk / "filler")
        run = place.resume("--workers", "2")
        code = run.ended()
        assert code in (1, 3), run.text
        assert "Traceback" not in run.text, run.text
        assert "space" in run.text, run.text
        found = Row("full disk for one of two", answered, on_disk(directory), len(place.left()), code, "")
        (disk / "filler").unlink()
        run = place.resume("--workers", "2")
        assert run.ended() == 0, run.text
        return with_score([found], same_results(directory, reference, tolerance=CLOSE))
