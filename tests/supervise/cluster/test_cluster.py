"""A run on a Ray cluster of three nodes: what it finds, and what it survives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import Workspace, demo_paths
from benchtui.interpreter import this_python
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.journal.journal import Journal, answered_requests
from benchtui.runs.journal.shards import answered_in
from tests.e2e.commands import benchtui, results_in, samples_in
from tests.supervise.cluster.conftest import MOST_SECONDS, ThreeNodes, nothing_at_work

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

ASKED = ("--tasks", "demo_knowledge,demo_instructions", "--include-path", demo_paths().tasks, "--no-base")
REQUESTS = 992
SLOW = (*ASKED, "--batch-size", "1")


@pytest.fixture
def model(workspace: Workspace) -> Iterator[Path]:
    yield workspace.model
    shutil.rmtree(workspace.model / "benchmarks", ignore_errors=True)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one worker of this machine finds: the run's folder."""
    from benchtui.demo.workspace import open_workspace

    place = open_workspace(tmp_path_factory.mktemp("local"))
    done = benchtui("run", *SLOW, cwd=place.root)
    assert done.code == 0, done.err
    return only_run(place.model).path


def only_run(model: Path) -> RunDirectory:
    (run,) = (model / "benchmarks" / "fine-tuned").iterdir()
    return RunDirectory(run)


def same_results(run: RunDirectory, reference: Path) -> None:
    """Every document has the same texts and log-likelihoods, and the scores are equal."""
    for task in ("demo_knowledge", "demo_instructions"):
        ours, theirs = samples_in(run.path / "lm-eval", task), samples_in(reference / "lm-eval", task)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert one["doc_id"] == other["doc_id"]
            assert one["prompt_hash"] == other["prompt_hash"]
            assert flat(one["resps"]) == pytest.approx(flat(other["resps"]), abs=1e-4)
    assert results_in(run.path / "lm-eval")["results"] == results_in(reference / "lm-eval")["results"]


def flat(value: Any) -> Any:
    """Numbers and texts of an answer, in a row: numbers are compared with a tolerance."""
    found = []
    for item in value if isinstance(value, list) else [value]:
        found += flat(item) if isinstance(item, list) else [item]
    return [float(item) if is_number(item) else item for item in found]


def is_number(item: object) -> bool:
    try:
        float(str(item))
    except ValueError:
        return False
    return True


def start(workspace: Workspace, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        this_python("-m", "benchtui", *map(str, arguments)),
        cwd=workspace.root,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not what():
        assert time.monotonic() < deadline, "nothing came of it"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def in_the_middle(model: Path) -> Callable[[], bool]:
    """Whether the first answers are journalled here."""

    def check() -> bool:
        runs = list((model / "benchmarks" / "fine-tuned").glob("*"))
        shards = RunDirectory(runs[0]).shards() if runs else []
        return any(answered_requests(files.journal) for files in shards)

    return check


def test_three_nodes_find_what_one_worker_here_finds(
    cluster: ThreeNodes, workspace: Workspace, model: Path, reference: Path
) -> None:
    done = benchtui("run", *ASKED, "--cluster", cluster.address, "--workers", "4", cwd=workspace.root)
    assert done.code == 0, done.err
    run = only_run(model)
    same_results(run, reference)
    told = [read_events(files.events) for files in run.shards()]
    places = [[event.where for event in events if isinstance(event, ev.Placed)] for events in told]
    assert len(places) == 4
    assert all(place[0] == "" for place in places), "each waits until Ray says where"
    assert [""] in places, "one of them had no place, and was not waited for"
    assert not any(isinstance(event, ev.Watchdog) for events in told for event in events)
    assert nothing_at_work(cluster)


def test_a_node_that_is_lost_in_the_middle_costs_nothing(
    cluster: ThreeNodes, workspace: Workspace, model: Path, reference: Path
) -> None:
    process = start(workspace, "run", *SLOW, "--cluster", cluster.address)
    begun = in_the_middle(model)
    wait_for(lambda: begun() and len(cluster.at_work()) >= 6, process)  # an actor and a worker on each node
    cluster.do("remove")
    cluster.do("add")
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 0, out
    run = only_run(model)
    ended = [
        event for files in run.shards() for event in read_events(files.events) if isinstance(event, ev.WorkerEnded)
    ]
    assert any("was lost" in event.detail for event in ended), ended
    same_results(run, reference)
    assert nothing_at_work(cluster)


def test_after_its_driver_was_killed_a_run_is_resumed(
    cluster: ThreeNodes, workspace: Workspace, model: Path, reference: Path
) -> None:
    process = start(workspace, "run", *SLOW, "--cluster", cluster.address)
    wait_for(in_the_middle(model), process)
    process.kill()
    process.wait(10)
    assert nothing_at_work(cluster), "Ray ends what belongs to a driver that is gone"
    run = only_run(model)
    before = answered_in(run)
    assert 0 < before < REQUESTS
    killed = time.time()
    done = benchtui("resume", "--cluster", cluster.address, "--include-path", demo_paths().tasks, cwd=workspace.root)
    assert done.code == 0, done.err
    with Journal(run.journal, read_only=True) as journal:
        answers = journal.excerpt().answers
    assert len(answers) == REQUESTS
    assert sum(row[6] < killed for row in answers) == before, "nothing is asked again"
    same_results(run, reference)


def test_ctrl_c_keeps_what_was_answered_and_leaves_nothing(
    cluster: ThreeNodes, workspace: Workspace, model: Path
) -> None:
    process = start(workspace, "run", *SLOW, "--cluster", cluster.address)
    wait_for(in_the_middle(model), process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    run = only_run(model)
    assert json.loads(run.done.read_text())["status"] == "cancelled"
    assert 0 < answered_requests(run.journal) < REQUESTS
    assert nothing_at_work(cluster)
