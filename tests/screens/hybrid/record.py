"""Records the runs that the tests of these screens show: the demo's small and large model as one, by a signal; and a
sweep over its thresholds.

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
BENCHMARKS, SWEEPS = RECORDED / "benchmarks", RECORDED / "sweeps"
PAIR = f"{SMALL_NAME}+{BASE_NAME}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "demo"
        outputs = open_workspace(root).outputs
        _run(root, "run", "--threshold", "0.3", "--limit", "12", "--no-readme")
        _run(root, "sweep", "--limit", "40", "--thresholds", "p10,p30,p50,p70,p90")
        shutil.rmtree(RECORDED, ignore_errors=True)
        for target in (BENCHMARKS, SWEEPS):
            source = outputs / PAIR / target.name
            for pattern in KEPT:
                for file in source.rglob(pattern):
                    copy_without_machine(file, target / file.relative_to(source), root)


def _run(root: Path, what: str, *flags: str) -> None:
    models = root / "models"
    command = [sys.executable, "-m", "benchtui", "hybrid", what, "--outputs", str(root / "outputs"), "--offline"]
    command += ["--small", str(models / SMALL_NAME), "--large", str(models / BASE_NAME), "--strategy", "uncertainty"]
    command += ["--tasks", ",".join(TASKS), "--include-path", str(demo_paths().tasks), "--device", "cpu", *flags]
    subprocess.run(command, check=True, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1", "TZ": "UTC"})


if __name__ == "__main__":
    main()
