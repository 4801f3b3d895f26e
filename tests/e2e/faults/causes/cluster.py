"""Workers on a Ray cluster of three nodes on this machine: a node or the driver is gone from one moment to the next."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import absent
from tests.e2e.faults.drive import Place, done_record, on_disk, same_results
from tests.e2e.faults.kept import answered_of, row, with_score
from tests.e2e.faults.table import Row, fault

CLOSE = 1e-6
PACE = {"FAULT_PACE": "0.2"}


@fault("a cluster: a node removed, the driver killed", long_only=True)
def node_and_driver(place: Place) -> list[Row]:
    if importlib.util.find_spec("ray") is None:
        absent("cluster", "ray is not installed")
    reference = place.merged()
    with _three_nodes() as nodes:
        cluster = ("--cluster", nodes.address, "--workers", "3")
        run = place.run("merged", *cluster, timeout="120s", env=PACE)
        directory = run.newest_run()
        run.until(lambda: int(answered_of(directory).split("/")[0]) >= 10, 180)
        run.send(signal.SIGKILL)
        run.ended()
        rows = [row("cluster: driver killed", run, directory, "SIGKILL")]
        run = place.resume(*cluster, timeout="120s", env=PACE)
        begun = int(answered_of(directory).split("/")[0])
        run.until(lambda: int(answered_of(directory).split("/")[0]) >= begun + 10, 180)
        answered = answered_of(directory)
        nodes.say("remove")
        code = run.ended(240)
        assert code == 0, run.text
        assert done_record(directory).status == "finished"
        rows.append(Row("cluster: node removed", answered, on_disk(directory), len(place.left()), code, ""))
    return with_score(rows, same_results(directory, reference, tolerance=CLOSE))


class _Nodes:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.address = self._out.readline().strip()

    def say(self, word: str) -> None:
        self._in.write(f"{word}\n")
        self._in.flush()
        assert self._out.readline().strip() == "done"


@contextmanager
def _three_nodes() -> Iterator[_Nodes]:
    line = [sys.executable, "-m", "tests.supervise.cluster.three_nodes"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield _Nodes(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
