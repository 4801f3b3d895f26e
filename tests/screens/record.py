"""Records the runs that the tests of the screens show: made by the real worker on the demo's models, then freed of
everything that belongs to the machine they were made on.

Run from anywhere, after a change of the demo or of what a run leaves behind: python tests/screens/record.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import lm_eval

from benchtui.demo.workspace import TASKS, demo_paths, open_workspace

RECORDED = Path(__file__).parent / "recorded"
WORKSPACE, TASK_FOLDER, LM_EVAL = "@WORKSPACE@", "@TASKS@", "@LM_EVAL@"
"""Stand in the recorded files for folders; `tests/screens/conftest.py` puts real ones back."""
LIMIT = "40"
KEPT = ("*.json", "*.jsonl", "*.sh", "worker.log")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "demo"
        workspace = open_workspace(root)
        for flags in (["--chat-template", "off"], []):
            _run(root, workspace.outputs, flags)
        shutil.rmtree(RECORDED, ignore_errors=True)
        source = workspace.model / "benchmarks"
        for pattern in KEPT:
            for file in source.rglob(pattern):
                copy_without_machine(file, RECORDED / file.relative_to(source), root)


def _run(root: Path, outputs: Path, flags: list[str]) -> None:
    command = [sys.executable, "-m", "benchtui", "run", "--outputs", str(outputs), "--tasks", ",".join(TASKS)]
    command += ["--include-path", str(demo_paths().tasks), "--device", "cpu", "--offline", "--limit", LIMIT]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TZ": "UTC"}
    subprocess.run([*command, *flags, "--no-readme"], check=True, cwd=root, env=environment)


def copy_without_machine(file: Path, target: Path, root: Path) -> None:
    text = file.read_text(encoding="utf-8")
    folders = {str(root): WORKSPACE, str(demo_paths().tasks): TASK_FOLDER, str(Path(lm_eval.__file__).parent): LM_EVAL}
    for folder, name in folders.items():
        text = text.replace(folder, name)
    if file.name.startswith("results_"):
        results = json.loads(text)
        results.update(pretty_env_info="", git_hash=None)
        text = json.dumps(results, indent=2) + "\n"
    if file.name == "launch.json":
        launch = json.loads(text)
        launch["supervisor"] = {"pid": 2**22, "started": 0.0, "host": "recorded"}
        text = json.dumps(launch) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
