"""Several workers of a real run that are stopped, cancelled, attached to, silent, or lose their terminal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchtui.demo.workspace import MODEL_NAME, Workspace, demo_paths, open_workspace
from benchtui.interpreter import this_python
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import ChunkDone, WorkerStarted
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.records import read_done
from tests.e2e.commands import Finished, benchtui, results_in, samples_in

pytestmark = [pytest.mark.slow]

TASK = "watched_knowledge"
HANGS_AT = 7
"""The document whose scoring does not end while the file `hang` is there."""
CODE = """
import pathlib
import time

here = pathlib.Path(__file__).parent


def scored(doc, results):
    while (here / "hang").exists() and doc["question"] == {question!r}:
        time.sleep(0.05)
    time.sleep(float((here / "pace").read_text()))
    choice = max(range(len(results)), key=lambda at: results[at][0])
    return {{"acc": float(choice == doc["answer"])}}
"""


@dataclass
class Place:
    """A demo workspace with a task whose scoring can be slow, and can hang."""

    demo: Workspace
    tasks: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def flags(self, workers: int, *flags: str) -> list[str]:
        found = ["--outputs", self.demo.outputs, "--offline", "--no-readme", "--no-base", "--tasks", TASK]
        found += ["--include-path", self.tasks, "--workers", str(workers), "--batch-size", "4", *flags]
        return [str(flag) for flag in found]

    def pace(self, seconds: float) -> None:
        """How long scoring a document takes from now on."""
        (self.tasks / "pace").write_text(str(seconds))

    def start(self, workers: int, *flags: str) -> tuple[subprocess.Popen[str], RunDirectory]:
        """Start a run; returns when each of its workers has answered a chunk."""
        process = subprocess.Popen(
            this_python("-m", "benchtui", "run", *self.flags(workers, *flags)),
            cwd=self.demo.root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        self.started.append(process)
        until(lambda: process.poll() is not None or any(self.runs()))
        run = RunDirectory(max(self.runs()))
        until(lambda: process.poll() is not None or all(map(answers, workers_of(run, workers))))
        assert process.poll() is None, process.communicate()[0]
        return process, run

    def runs(self) -> list[Path]:
        folder = self.demo.model / "benchmarks" / "fine-tuned"
        return list(folder.iterdir()) if folder.is_dir() else []

    def resume(self, workers: int, *flags: str) -> Finished:
        self.pace(0)
        return benchtui(
            "resume", MODEL_NAME, "--outputs", self.demo.outputs, "--include-path", self.tasks, "--no-readme",
            "--workers", str(workers), *flags, cwd=self.demo.root,
        )  # fmt: skip


def workers_of(run: RunDirectory, workers: int) -> list[Path]:
    return [run.files_of(number).events for number in range(workers)]


def answers(events: Path) -> bool:
    return any(isinstance(event, ChunkDone) for event in read_events(events)) if events.is_file() else False


def until(condition: Callable[[], object], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def attempts(run: RunDirectory, shard: int) -> list[int]:
    return [event.attempt for event in read_events(run.files_of(shard).events) if isinstance(event, WorkerStarted)]


def stop(process: subprocess.Popen[str], *signals: signal.Signals) -> tuple[str, float]:
    """What it still said, and the seconds until it and all that it started had ended."""
    below = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)
    said, _ = process.communicate(timeout=200)
    seconds = time.monotonic() - began
    assert [child for child in below if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    return said, seconds


def whole(run: RunDirectory) -> dict[str, Any]:
    content = results_in(run.lm_eval)
    assert content["benchtui"]["partial"] is False
    assert len({sample["doc_id"] for sample in samples_in(run.lm_eval, TASK)}) == 200
    return content


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    for name in ("documents.py", "demo_knowledge.jsonl"):
        shutil.copy(demo_paths().tasks / name, tasks)
    document = json.loads((tasks / "demo_knowledge.jsonl").read_text().splitlines()[HANGS_AT])
    (tasks / "watched.py").write_text(CODE.format(question=document["question"]))
    shipped = (demo_paths().tasks / "demo_knowledge.yaml").read_text().partition("metric_list")[0]
    shipped = shipped.replace("task: demo_knowledge", f"task: {TASK}")
    (tasks / "watched.yaml").write_text(
        f"{shipped}process_results: !function watched.scored\n"
        "metric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\nmetadata:\n  version: 1.0\n"
    )
    place = Place(open_workspace(tmp_path / "demo"), tasks)
    place.pace(0.2)
    yield place
    for process in place.started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_ctrl_c_ends_all_workers_keeps_what_they_answered_and_others_go_on_with_it(place: Place) -> None:
    process, run = place.start(3)
    said, _ = stop(process, signal.SIGINT)
    assert process.returncode == 130
    assert said.count("Stopping: what was answered is kept and scored.") == 1
    assert "warning: Worker" not in said, "that they stopped is what was asked for"
    done = read_done(run)
    assert done is not None
    assert done.status == "cancelled"
    assert done.message == f"Stopped by the user. {done.documents} of 200 answered."
    before = answered_in(run)
    assert done.answered == before > 0
    assert results_in(run.lm_eval)["n-samples"][TASK]["effective"] == done.documents
    resumed = place.resume(2)
    assert resumed.code == 0, resumed.err
    assert f"{before} requests were answered before" in resumed.err
    whole(run)


@pytest.mark.long
@pytest.mark.parametrize("way", ["twice", "terminal lost"])
def test_two_ctrl_c_kill_at_once_and_a_lost_terminal_does_nothing(place: Place, way: str) -> None:
    process, run = place.start(2)
    if way == "terminal lost":
        process.send_signal(signal.SIGHUP)
        answered = answered_in(run)
        until(lambda: answered_in(run) > answered)
        assert process.poll() is None
    said, seconds = stop(process, signal.SIGINT, signal.SIGINT)
    assert process.returncode == 130
    assert "Everything answered is in the journal." in said
    assert seconds < 5
    done = read_done(run)
    assert done is not None
    assert (done.status, done.results) == ("cancelled", None)
    resumed = place.resume(3)
    assert resumed.code == 0, resumed.err
    whole(run)


@pytest.mark.long
def test_a_detached_run_of_several_workers_is_attached_to_and_cancelled(place: Place) -> None:
    detached = benchtui("run", *place.flags(2), "--detach", cwd=place.demo.root)
    assert detached.code == 0, detached.err
    (folder,) = place.runs()
    run = RunDirectory(folder)
    until(lambda: all(map(answers, workers_of(run, 2))))
    attached = subprocess.Popen(
        this_python("-m", "benchtui", "attach", str(folder)),
        cwd=place.demo.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    place.started.append(attached)
    answered = answered_in(run)
    until(lambda: answered_in(run) > answered)
    assert benchtui("cancel", folder, cwd=place.demo.root).code == 0
    said, _ = attached.communicate(timeout=200)
    assert attached.returncode == 130
    assert "of 2" in said
    done = read_done(run)
    assert done is not None
    assert done.status == "cancelled"
    assert done.results
    assert place.resume(2).code == 0
    whole(run)


@pytest.mark.long
def test_a_worker_that_stands_still_is_replaced_and_the_others_do_not_notice(place: Place) -> None:
    place.pace(0.05)
    process, run = place.start(2, "--timeout", "15")
    for child in psutil.Process(process.pid).children(recursive=True):
        if "0/2" in child.cmdline():
            child.suspend()
    said, _ = process.communicate(timeout=250)
    assert process.returncode == 0, said
    assert attempts(run, 0)[-1] == 2
    assert attempts(run, 1) == [1]
    whole(run)


@pytest.mark.long
def test_a_document_that_hangs_is_given_up_on_and_asked_again_by_a_resume(place: Place) -> None:
    place.pace(0)
    (place.tasks / "hang").touch()
    finished = benchtui("run", *place.flags(2, "--timeout", "20", "--skip-stalled"), cwd=place.demo.root)
    assert finished.code == 3, finished.err
    (folder,) = place.runs()
    run = RunDirectory(folder)
    done = read_done(run)
    assert done is not None
    assert done.status == "partial"
    assert f"{TASK} sample {HANGS_AT} (no sign of life for 20s)" in done.message
    documents = results_in(run.lm_eval)["benchtui"]["documents"][TASK]
    assert documents["unanswered"] == [HANGS_AT]
    (place.tasks / "hang").unlink()
    resumed = place.resume(3)
    assert resumed.code == 0, resumed.err
    whole(run)
