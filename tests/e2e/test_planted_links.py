"""A run folder whose every file leads elsewhere: resumed and looked at, nothing outside it changes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.commands import benchtui
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

READ = ("plan.json", "journal.sqlite")
"""What a run cannot be resumed without: these stay, and all that is written beside them leads elsewhere."""
WRITTEN = ("events.jsonl", "worker.log", "launch.json", "done.json", "in-hand.json", "stacks.txt", "lock", "cancel",
           "lm_eval.sh", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite-journal")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_tiny_model(tmp_path / "outputs" / "tuned" / "merged_16bit")
    write_choice_task(tmp_path / "tasks", "mine", write_data(tmp_path / "data.jsonl"))
    return tmp_path


@pytest.mark.long
def test_a_run_full_of_links(place: Path) -> None:
    arguments = ("--tasks", "mine", "--include-path", "tasks", "--no-base", "--offline", "--device", "cpu")
    assert benchtui("run", *arguments, cwd=place).code == 0
    benchmarks = place / "outputs" / "tuned" / "benchmarks"
    (run,) = (benchmarks / "fine-tuned").iterdir()
    outside = place / "precious"
    outside.mkdir()
    made = {path for path in run.rglob("*") if path.is_file() and path.name not in READ}
    made |= {run / "run" / name for name in WRITTEN} | {benchmarks / "benchmark.json", benchmarks / ".lock"}
    made |= {run / "note.txt", place / "outputs" / "tuned" / "README.md"}
    canaries = {}
    for number, file in enumerate(sorted(made)):
        canary = outside / f"{number}.txt"
        canary.write_text(json.dumps({"precious": file.name}))
        canaries[canary] = canary.read_text()
        file.unlink(missing_ok=True)
        file.symlink_to(canary)
    (run / "run" / "done.json").unlink()  # one that leads to a file which is no record is that of an unfinished run
    resume = ("resume", str(run), "--include-path", "tasks")
    for command in (("runs",), ("history",), ("attach", str(run)), ("cancel", str(run)), ("note", str(run), "mine"),
                    ("summarize",), ("readme",), ("compare", str(run), str(run))):  # fmt: skip
        done = benchtui(*command, cwd=place)
        assert "Traceback" not in done.err, (command, done.err)
        assert {canary: canary.read_text() for canary in canaries} == canaries, command
    for _ in range(len(made)):
        done = benchtui(*resume, cwd=place)
        assert "Traceback" not in done.err, done.err
        assert {canary: canary.read_text() for canary in canaries} == canaries
        if done.code == 0:
            break
        named = re.search(r"(/\S+) is not used: it is a link to another place", done.err)
        assert named, done.err
        assert "Delete it, then try again." in done.err
        Path(named[1]).unlink()
    assert done.code == 0, done.err
    assert sorted(path.name for path in outside.iterdir()) == sorted(canary.name for canary in canaries)


def test_a_report_is_not_written_through_a_link_in_a_run(place: Path) -> None:
    arguments = ("--tasks", "mine", "--include-path", "tasks", "--no-base", "--offline", "--device", "cpu")
    assert benchtui("run", *arguments, cwd=place).code == 0
    (run,) = (place / "outputs" / "tuned" / "benchmarks" / "fine-tuned").iterdir()
    again = run.with_name("2026-01-01T00-00-00")
    shutil.copytree(run, again)
    outside = place / "precious"
    outside.mkdir()
    (outside / "report.html").write_text("precious")
    (run / "reports").symlink_to(outside)
    (run / "report.html").symlink_to(outside / "report.html")
    compare = ("compare", str(again), str(run), "--format", "html", "--output")
    refused = benchtui(*compare, run / "reports" / "report.html", cwd=place)
    assert refused.code == 1, refused.err
    assert "it is a link to another place" in refused.err
    written = benchtui(*compare, run / "report.html", cwd=place)
    assert written.code == 0, written.err
    assert not (run / "report.html").is_symlink()
    assert (outside / "report.html").read_text() == "precious"
    assert len(list(outside.iterdir())) == 1
