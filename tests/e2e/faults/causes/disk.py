"""Disks that are full, folders that are gone or cannot be written, files that are damaged."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from tests.e2e.faults.drive import Place, on_disk, same_results
from tests.e2e.faults.kept import ALL, answered_of, row, with_score
from tests.e2e.faults.table import Row, fault


@fault("a full disk")
def full_disk(place: Place) -> list[Row]:
    return _full_disk(place, "full disk", workers=1)


@fault("a full disk for two workers", long_only=True)
def full_disk_for_two(place: Place) -> list[Row]:
    return _full_disk(place, "full disk, two workers", workers=2)


def _full_disk(place: Place, name: str, workers: int) -> list[Row]:
    reference = place.merged()
    with small_disk(place.outputs / "merged", 6) as disk:
        if disk is None:
            return [Row(name, "–", "not possible here: a tmpfs cannot be mounted", 0, "–", "–")]
        pause = place.pause(at=12)
        run = place.run("merged", "--workers", str(workers), env=pause.env)
        run.until(lambda: pause.reached(workers))
        directory = run.newest_run()
        filler = disk / "filler"
        fill(filler)
        pause.release()
        code = run.ended()
        assert code == 1, run.text
        assert "full" in run.text.lower(), run.text
        assert "Free some space" in run.text
        assert "Traceback" not in run.text
        before, answered, left = on_disk(directory), answered_of(directory), len(place.left())

        refused = place.resume()
        assert refused.ended() == 1
        assert "No space left" in refused.text or "full" in refused.text, refused.text
        assert "Traceback" not in refused.text

        filler.unlink()
        run = place.resume()
        assert run.ended() == 0, run.text
        tolerance = 0 if workers == 1 else 1e-6
        return [Row(name, answered, before, left, code, same_results(directory, reference, tolerance=tolerance))]


@fault("a limit on the size of files, where samples do not fit")
def file_size_limit(place: Place) -> list[Row]:
    return _size_limited(place, 48)


@fault("a limit on the size of files, where the journal does not get far", long_only=True)
def small_file_size_limit(place: Place) -> list[Row]:
    return _size_limited(place, 24)


def _size_limited(place: Place, kilobytes: int) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", before=("prlimit", f"--fsize={kilobytes * 1024}"))
    directory = run.newest_run()
    code = run.ended()
    assert code == 1, run.text
    assert "Traceback" not in run.text
    assert "Free some space" in run.text, run.text
    found = row(f"no file over {kilobytes} KiB", run, directory, code)
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score([found], same_results(directory, reference))


@fault("a run directory deleted while it runs")
def deleted(place: Place) -> list[Row]:
    place.merged()
    pause = place.pause(at=12)
    run = place.run("merged", env=pause.env)
    directory = run.paused(pause)
    answered = answered_of(directory)
    shutil.rmtree(directory.path)
    pause.release()
    code = run.ended()
    assert code == 1, run.text
    assert "deleted" in run.text
    assert "Traceback" not in run.text
    assert not directory.path.exists(), "nothing of it is brought back"
    return [Row("run directory deleted", answered, "nothing", len(place.left()), code, "–")]


@fault("a read-only folder, and nothing to resume")
def read_only(place: Place) -> list[Row]:
    place.merged()
    nothing = place.resume()
    assert nothing.ended() == 1
    assert "No run is unfinished" in nothing.text, nothing.text
    with small_disk(place.outputs / "merged", 6) as disk:
        if disk is None:
            return [Row("read-only file system", "–", "not possible here: a tmpfs cannot be mounted", 0, "–", "–")]
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        run = place.run("merged")
        code = run.ended()
        assert code == 1
        assert "Read-only file system" in run.text, run.text
        assert "Traceback" not in run.text
    return [Row("read-only file system", f"0/{ALL}", "nothing", len(place.left()), code, "–")]


@fault("damaged files")
def damaged(place: Place) -> list[Row]:
    return _damaged(place, {name: how for name, how in DAMAGES.items() if name not in RARE})


@fault("rarer damages", long_only=True)
def rarely_damaged(place: Place) -> list[Row]:
    return _damaged(place, {name: DAMAGES[name] for name in RARE})


def _damaged(place: Place, damages: dict[str, Callable[[RunDirectory], None]]) -> list[Row]:
    """One run killed in its middle, copied, and each copy damaged in another way."""
    reference = place.merged()
    pause = place.pause(at=46)
    run = place.run("merged", env=pause.env)
    directory = run.paused(pause)
    worker = run.worker(directory)
    run.send(signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    run.ended()
    assert not place.left()
    return [_damage(place, directory, reference, name, how) for name, how in damages.items()]


def _damage(
    place: Place, killed: RunDirectory, reference: RunDirectory, name: str, how: Callable[[RunDirectory], None]
) -> Row:
    model = killed.path.parents[2]
    copy = place.outputs / f"damaged-{len(list(place.outputs.iterdir()))}"
    shutil.copytree(model, copy)
    directory = RunDirectory(copy / killed.path.relative_to(model))
    before = answered_of(directory)
    how(directory)
    run = place.resume(str(directory.path))
    code = run.ended()
    assert code == 0, run.text
    kept = re.search(r"(\d+) requests were answered before", run.text)
    found = f"{kept[1] if kept else 0} answers read, no done record"
    assert read_events(directory.events), "the events can be read on"
    # What is lost is no whole number of batches, so the rest falls into others.
    result = Row(name, before, found, len(place.left()), code, same_results(directory, reference, tolerance=1e-6))
    shutil.rmtree(copy)
    return result


def _cut_log(run: RunDirectory) -> None:
    """A write-ahead log torn in the middle of a page, and an events file torn in the middle of a line."""
    log = run.journal.with_name("journal.sqlite-wal")
    os.truncate(log, log.stat().st_size * 2 // 3 + 77)
    with run.events.open("ab") as events:
        events.write(b'{"event":"progress","task":"fault_wri')


def _garble_log(run: RunDirectory) -> None:
    log = run.journal.with_name("journal.sqlite-wal")
    _garble(log, log.stat().st_size - 6000, 3000)
    with run.events.open("ab") as events:
        events.write(os.urandom(100_000))


def _move_log_into_journal(run: RunDirectory) -> None:
    import sqlite3

    database = sqlite3.connect(run.journal)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _cut_journal(run: RunDirectory) -> None:
    _move_log_into_journal(run)
    os.truncate(run.journal, run.journal.stat().st_size - 5000)
    os.truncate(run.events, run.events.stat().st_size // 2)


def _flip_bits(run: RunDirectory) -> None:
    """Single bytes changed all over the journal: SQLite itself notices few of them."""
    _move_log_into_journal(run)
    content = bytearray(run.journal.read_bytes())
    draw = random.Random(5)  # noqa: S311
    for _ in range(12):
        content[draw.randrange(8192, len(content))] ^= 1 << draw.randrange(8)
    run.journal.write_bytes(content)


def _no_header(run: RunDirectory) -> None:
    _move_log_into_journal(run)
    _garble(run.journal, 0, 200)


def _garble(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(max(start, 0))
        file.write(os.urandom(length))


DAMAGES: dict[str, Callable[[RunDirectory], None]] = {
    "journal's log cut, event torn": _cut_log,
    "journal's log garbled, events garbled": _garble_log,
    "journal cut, events cut": _cut_journal,
    "12 bits of the journal flipped": _flip_bits,
    "journal without its header": _no_header,
}
RARE = ("journal cut, events cut", "journal's log garbled, events garbled", "journal without its header")


@fault("a truncated results file")
def truncated_results(place: Place) -> list[Row]:
    reference = place.merged()
    pause = place.pause(at=12)
    run = place.run("merged", env=pause.env)
    directory = run.paused(pause)
    run.send(signal.SIGTERM)
    run.until(lambda: "Stopping" in run.text)
    pause.release()
    code = run.ended()
    assert code == 130, run.text
    _cut_results(directory)
    answered = answered_of(directory)
    run = place.resume()
    assert run.ended() == 0, run.text
    first = Row(
        "partial results truncated", answered, "cancelled", len(place.left()), code, same_results(directory, reference)
    )

    _cut_results(directory)
    summary = place.start("summarize", "merged")
    assert summary.ended() == 1
    assert "damaged" in summary.text
    assert "Traceback" not in summary.text
    run = place.resume()
    assert run.ended() == 0, run.text
    assert "were answered before" in run.text
    second = Row(
        "finished results truncated",
        f"{ALL}/{ALL}",
        "finished",
        len(place.left()),
        0,
        same_results(directory, reference),
    )
    return [first, second]


def _cut_results(run: RunDirectory) -> None:
    (file,) = run.lm_eval.glob("results_*.json")
    os.truncate(file, file.stat().st_size // 2)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """A file system of this size in place of the folder, with what the folder held; None where only root may mount."""
    aside = folder.with_name(f".{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"]
    if subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode:
        folder.rmdir()
        aside.rename(folder)
        yield None
        return
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
