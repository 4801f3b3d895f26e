"""A cluster of three nodes for the tests that are marked "cluster"."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from benchtui.demo.workspace import Workspace, open_workspace
from tests.conftest import absent

MOST_SECONDS = 150.0


@dataclass
class ThreeNodes:
    """A cluster that is up, and the process that it belongs to."""

    address: str
    process: subprocess.Popen[str]

    def do(self, word: str) -> None:
        """Have a node removed or added; returns when that is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "done"

    def processes(self) -> list[psutil.Process]:
        """All that belongs to it: Ray's own, and whatever runs on its nodes."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def at_work(self) -> list[psutil.Process]:
        """What runs on its nodes for benchtui: actors and workers."""
        return [process for process in self.processes() if _is_ours(process)]


def _is_ours(process: psutil.Process) -> bool:
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "NodeWorker" in words or "benchtui.worker" in words


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeNodes]:
    if importlib.util.find_spec("ray") is None:
        absent("cluster", "Ray is not installed")
    log = (tmp_path_factory.mktemp("ray") / "cluster.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.supervise.cluster.three_nodes"],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    three = ThreeNodes(process.stdout.readline().strip(), process)
    assert three.address, Path(log.name).read_text()
    belonging = three.processes()
    yield three
    belonging += three.processes()
    process.stdin.close()
    process.wait(MOST_SECONDS)
    _, alive = psutil.wait_procs(belonging, timeout=20)
    assert not alive, f"left alive: {alive}"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return open_workspace(tmp_path_factory.mktemp("demo"))


def nothing_at_work(cluster: ThreeNodes, seconds: float = 20.0) -> bool:
    """Whether nothing of benchtui is left on the nodes, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while cluster.at_work() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not cluster.at_work()
