"""Records the run that the tests of these screens show: the demo's small and large model as one, by a signal.

Run from anywhere, after a change of the demo or of what a run leaves behind: python tests/screens/hybrid/record.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, TASKS, demo_paths, open_workspace
from tests.screens.record import KEPT, copy_without_machine

RECORDED = Path(__file__).parent / "recorded"
PAIR = f"{SMALL_NAME}+{BASE_NAME}"
LIMIT = "12"
THRESHOLD = "0.3"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "demo"
        workspace = open_workspace(root)
        models = workspace.base.parent
        command = [sys.executable, "-m", "benchtui", "hybrid", "run", "--outputs", str(workspace.outputs)]
        command += ["--small", str(models / SMALL_NAME), "--large", str(models / BASE_NAME), "--offline"]
        command += ["--strategy", "uncertainty", "--threshold", THRESHOLD, "--tasks", ",".join(TASKS)]
        command += ["--include-path", str(demo_paths().tasks), "--device", "cpu", "--limit", LIMIT, "--no-readme"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TZ": "UTC"}
        subprocess.run(command, check=True, cwd=root, env=environment)
        shutil.rmtree(RECORDED, ignore_errors=True)
        source = workspace.outputs / PAIR / "benchmarks"
        for pattern in KEPT:
            for file in source.rglob(pattern):
                copy_without_machine(file, RECORDED / file.relative_to(source), root)


if __name__ == "__main__":
    main()
