"""Pairs that were compared are found again, and only while their files are as they were."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from benchtui.compare.leaderboard import chosen, pairs, store
from benchtui.compare.leaderboard.assemble import Assembly, assemble, complete
from benchtui.tasks.cache import cache_folder
from tests.compare.leaderboard.models import three_models


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    made = three_models(tmp_path / "outputs")
    an_hour_ago = time.time() - 3600
    for file in made.rglob("*"):
        os.utime(file, (an_hour_ago, an_hour_ago))
    return made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The runs that are read from now on."""
    found: list[Path] = []
    real = pairs.read_run

    def noted(run: Path) -> object:
        found.append(run)
        return real(run)

    for module in (pairs, chosen):
        monkeypatch.setattr(module, "read_run", noted)
    return found


def whole(outputs: Path) -> Assembly:
    *_, last = complete(assemble(outputs))
    return last


def test_a_second_leaderboard_reads_no_run_and_is_the_same(outputs: Path, read: list[Path]) -> None:
    before = whole(outputs)
    assert read
    read.clear()
    first, last = complete(assemble(outputs))
    assert not read
    assert not first.missing()
    assert last.board() == before.board()
    assert any(best.shrinkage for best in last.board().best if best)


def test_a_changed_file_is_read_again(outputs: Path, read: list[Path]) -> None:
    whole(outputs)
    read.clear()
    run = outputs / "bad" / "benchmarks" / "fine-tuned" / "2026-11-20T10-00-00"
    file = next((run / "lm-eval").glob("samples_gsm8k*"))
    size, text = file.stat().st_size, file.read_text(encoding="utf-8")
    changed = text.replace('"exact_match": 0.0', '"exact_match": 1.0', 1)
    file.write_text(changed, encoding="utf-8")
    assert file.stat().st_size == size
    board = whole(outputs).board()
    assert {run, outputs / "bad" / "benchmarks" / "base"} <= set(read)
    assert outputs / "same" / "benchmarks" / "base" not in read
    cells = dict(zip((each.name for each in board.candidates), board.cells, strict=True))
    assert "does not add up" in cells["bad"][1].why


def test_what_was_just_written_is_not_kept(outputs: Path, read: list[Path]) -> None:
    for file in outputs.rglob("results_*"):
        os.utime(file)
    whole(outputs)
    read.clear()
    whole(outputs)
    assert read


@pytest.mark.parametrize("content", [b"", b"not a database" * 400, None])
def test_a_damaged_cache_is_done_without(outputs: Path, read: list[Path], content: bytes | None) -> None:
    before = whole(outputs).board()
    file = cache_folder() / store.FILE
    if content is None:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(content)
    assert whole(outputs).board() == before
    read.clear()
    assert whole(outputs).board() == before
    assert bool(read) == (content is None)


def test_an_entry_that_is_no_record_is_made_again(outputs: Path) -> None:
    before = whole(outputs).board()
    with sqlite3.connect(cache_folder() / store.FILE) as database:
        assert database.execute("UPDATE pairs SET record = ?", (b"\xc1 nothing",)).rowcount > 6
    assert whole(outputs).board() == before


def test_the_cache_does_not_grow_without_end(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 2)
    whole(outputs)
    with sqlite3.connect(cache_folder() / store.FILE) as database:
        assert database.execute("SELECT count(*) FROM pairs").fetchone() == (2,)


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_written_through_a_link(outputs: Path, tmp_path: Path, *, exists: bool) -> None:
    other = tmp_path / "other.sqlite"
    if exists:
        with sqlite3.connect(other) as database:
            database.execute("CREATE TABLE mine (x)")
    content = other.read_bytes() if exists else None
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / store.FILE).symlink_to(other)
    assert not whole(outputs).missing()
    assert (other.read_bytes() if other.exists() else None) == content


def test_a_cache_that_is_damaged_further_on_is_made_anew(outputs: Path, read: list[Path]) -> None:
    before = whole(outputs).board()
    file = cache_folder() / store.FILE
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(byte ^ 0x55 for byte in content[4096:])
    file.write_bytes(content)
    assert whole(outputs).board() == before
    whole(outputs)
    read.clear()
    assert whole(outputs).board() == before
    assert not read
