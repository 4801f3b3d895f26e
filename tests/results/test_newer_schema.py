"""Files of a newer benchtui: named and left as they are, never read as something else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from benchtui.compare.headlines import last_benchmark
from benchtui.errors import BenchtuiError
from benchtui.runs.journal.journal import Journal, RequestKey
from tests.cli.results_commands import benchtui, one_line_error, write_model

NEWER = "made by a newer benchtui"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    model = write_model(tmp_path, "m", 90, 20)
    assert benchtui("summarize", model).code == 0
    return model


def make_newer(file: Path, *, inside: str = "") -> bytes:
    document = json.loads(file.read_text())
    place = document.setdefault(inside, {}) if inside else document
    place["schema_version"] = 99
    file.write_text(json.dumps(document))
    return file.read_bytes()


def test_a_newer_benchmark_json_is_not_read_and_not_overwritten(model: Path) -> None:
    file = model / "benchmarks" / "benchmark.json"
    before = make_newer(file)
    one_line_error(benchtui("summarize", model), 1, [NEWER, "is left as it is", "Update benchtui"])
    assert file.read_bytes() == before
    last = last_benchmark(model)
    assert last is not None
    assert (last.headlines, NEWER in last.sentence) == ((), True)
    listed = json.loads(benchtui("models", "--outputs", model.parent, "--json").out)
    assert listed[0]["last_result"] is None
    assert any(NEWER in problem for problem in listed[0]["problems"])


def test_newer_results_are_not_read(model: Path) -> None:
    (run,) = (model / "benchmarks" / "fine-tuned").iterdir()
    (file,) = (run / "lm-eval").glob("results_*.json")
    make_newer(file, inside="benchtui")
    for command in (("compare", "m"), ("summarize", "m", "--run", run.name), ("readme", "m", "--run", run.name)):
        ended = benchtui(*command, "--outputs", model.parent)
        one_line_error(ended, 1, [NEWER, "Update benchtui"])
        assert "Delete it" not in ended.err
    log = benchtui("history", "m", "--outputs", model.parent)
    assert log.code == 0
    assert NEWER in " ".join(log.out.split())


@pytest.mark.parametrize("change", ["", "ALTER TABLE answers ADD COLUMN more TEXT"])
def test_a_newer_journal_is_neither_written_nor_salvaged(tmp_path: Path, change: str) -> None:
    path = tmp_path / "run" / "journal.sqlite"
    path.parent.mkdir()
    with Journal(path) as journal:
        journal.record(RequestKey("t", 0, 0), "digest", "an answer")
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    if change:
        db.execute(change)
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(BenchtuiError, match=NEWER):
        Journal(path)
    with pytest.raises(sqlite3.DatabaseError, match=NEWER):
        Journal(path, read_only=True)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir() if "damaged" in file.name] == []
