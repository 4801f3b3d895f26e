"""The index beside the runs: never believed where the files are other ones, and never needed."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from benchtui.compare.history import history
from benchtui.compare.history.history import Experiment, model_history
from benchtui.compare.history.index import FILE
from benchtui.runs.directory import RunDirectory
from tests.synthetic import Task, write_run

STAMPS = ("2026-11-20T10-00-00", "2026-11-21T10-00-00")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A base and two runs, written long ago."""
    model = tmp_path / "m"
    write(model / "benchmarks" / "base", 0.25)
    for stamp in STAMPS:
        write(model / "benchmarks" / "fine-tuned" / stamp, 0.5, stamp)
    age(model)
    return model


def write(place: Path, score: float, stamp: str = STAMPS[0]) -> None:
    write_run(place, {"t": Task({("acc", "none"): [i < 8 * score for i in range(8)]})}, stamp=stamp)


def age(place: Path, seconds: float = 1e9) -> None:
    for file in (*place.rglob("*"), place):
        os.utime(file, (seconds, seconds))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were read from their files."""
    found: list[str] = []
    read_run = history.read_run

    def counting(run: RunDirectory) -> object:
        found.append(run.path.name)
        return read_run(run)

    monkeypatch.setattr(history, "read_run", counting)
    return found


def scores(found: list[Experiment]) -> list[tuple[float, float | None]]:
    return [(outcome.value, outcome.base) for experiment in found for outcome in experiment.outcomes]


def test_what_was_read_once_is_not_read_again(model: Path, reads: list[str]) -> None:
    first = model_history(model)
    assert sorted(reads) == [*STAMPS, "base"]
    reads.clear()
    assert model_history(model) == first
    assert reads == []
    assert scores(first) == [(0.5, 0.25)] * 2


def test_a_results_file_that_was_replaced_or_edited_in_place_is_read_again(model: Path, reads: list[str]) -> None:
    model_history(model)
    run = model / "benchmarks" / "fine-tuned" / STAMPS[0]
    file = run / "lm-eval" / f"results_{STAMPS[0]}.json"
    size = file.stat().st_size
    text = file.read_text().replace("0.5", "0.7", 1)
    file.write_text(text)
    assert file.stat().st_size == size, "only the time of change tells"
    reads.clear()
    assert (0.7, 0.25) in scores(model_history(model))
    assert reads == [STAMPS[0], "base"]
    copy = file.with_suffix(".new")
    copy.write_text(text.replace("0.7", "0.6", 1))
    shutil.copystat(file, copy)
    copy.replace(file)
    assert (0.6, 0.25) in scores(model_history(model)), "another file of the same size and time"


def test_another_base_changes_every_run(model: Path) -> None:
    model_history(model)
    shutil.rmtree(model / "benchmarks" / "base")
    assert scores(model_history(model)) == [(0.5, None)] * 2
    write(model / "benchmarks" / "base", 0.75)
    assert scores(model_history(model)) == [(0.5, 0.75)] * 2


def test_runs_come_and_go_and_notes_are_always_as_they_are(model: Path) -> None:
    model_history(model)
    write(model / "benchmarks" / "fine-tuned" / "2026-11-22T10-00-00", 1.0, "2026-11-22T10-00-00")
    assert len(model_history(model)) == 3
    shutil.rmtree(model / "benchmarks" / "fine-tuned" / STAMPS[0])
    (model / "benchmarks" / "fine-tuned" / STAMPS[1] / "note.txt").write_text("better")
    assert [experiment.note for experiment in model_history(model)] == ["better", ""]


def test_files_that_were_changed_just_now_are_not_believed_yet(model: Path, reads: list[str]) -> None:
    run = model / "benchmarks" / "fine-tuned" / STAMPS[0]
    write(run, 0.5)
    model_history(model)
    reads.clear()
    model_history(model)
    assert reads == [STAMPS[0], "base"]


@pytest.mark.parametrize("content", [b"", b"not an index", b"\x81" * 50, None])
def test_a_damaged_index_is_made_anew(model: Path, reads: list[str], content: bytes | None) -> None:
    expected = model_history(model)
    index = model / "benchmarks" / FILE
    index.write_bytes(index.read_bytes()[:-7] if content is None else content)
    reads.clear()
    assert model_history(model) == expected
    assert len(reads) == 3
    reads.clear()
    assert model_history(model) == expected
    assert reads == []


def test_one_of_another_version_is_made_anew(model: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = model_history(model)
    monkeypatch.setattr("benchtui.compare.history.index.__version__", "99")
    reads.clear()
    assert model_history(model) == expected
    assert len(reads) == 3


def test_where_it_cannot_be_written_everything_is_read(model: Path, tmp_path: Path, reads: list[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(model / "benchmarks", elsewhere)
    (model / "benchmarks").symlink_to(elsewhere)  # nothing is written through it
    for _ in range(2):
        reads.clear()
        assert scores(model_history(model)) == [(0.5, 0.25)] * 2
        assert len(reads) == 3
    assert not (elsewhere / FILE).exists()


def test_a_link_in_its_place_is_replaced_and_not_followed(model: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (model / "benchmarks" / FILE).symlink_to(secret)
    model_history(model)
    assert secret.read_text() == "mine"
    assert not (model / "benchmarks" / FILE).is_symlink()


def test_several_that_read_at_once_leave_a_whole_index(model: Path, reads: list[str]) -> None:
    threads = [threading.Thread(target=model_history, args=(model,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reads.clear()
    assert scores(model_history(model)) == [(0.5, 0.25)] * 2
    assert reads == []
    assert [file.name for file in (model / "benchmarks").iterdir() if file.name.endswith(".tmp")] == []
