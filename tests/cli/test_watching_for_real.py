"""Detach, list, attach, cancel, resume: the real commands on the demo's models, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchtui.demo.workspace import BASE_NAME, MODEL_NAME, demo_paths, open_workspace

pytestmark = pytest.mark.slow


def benchtui(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchtui", *arguments],
        cwd=folder,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def listed(folder: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(benchtui(folder, "runs", "--json").stdout)
    return runs


@pytest.mark.long
def test_a_detached_run_is_listed_watched_stopped_and_gone_on_with(tmp_path: Path) -> None:
    open_workspace(tmp_path, fresh=False)
    started = benchtui(
        tmp_path, "run", "--detach", "--model", MODEL_NAME, "--base", f"models/{BASE_NAME}", "--offline",
        "--tasks", "demo_instructions", "--include-path", str(demo_paths().tasks), "--device", "cpu", "--no-readme",
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    assert len(started.stdout.splitlines()) == 2  # the two run directories
    states = {run["role"]: run["state"] for run in listed(tmp_path)}
    assert states["base"] == "running"
    assert states["fine-tuned"] in ("waiting", "running")
    supervisor = json.loads((Path(started.stdout.splitlines()[0]) / "run/launch.json").read_text())["supervisor"]["pid"]

    stopped = benchtui(tmp_path, "cancel", MODEL_NAME)
    assert stopped.returncode == 0, stopped.stderr
    assert f"Stopped {MODEL_NAME}/base" in stopped.stderr
    deadline = time.monotonic() + 20
    while psutil.pid_exists(supervisor) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {run["state"] for run in listed(tmp_path)} == {"cancelled"}
    assert benchtui(tmp_path, "attach", MODEL_NAME).returncode == 130

    again = benchtui(tmp_path, "cancel", f"{MODEL_NAME}/base")
    assert again.returncode == 1
    assert "is not running: it was stopped already" in again.stderr

    resumed = benchtui(tmp_path, "resume", MODEL_NAME, "--no-readme", "--detach")
    assert resumed.returncode == 0, resumed.stderr
    assert len(resumed.stdout.splitlines()) == 2
    assert benchtui(tmp_path, "attach", MODEL_NAME).returncode == 0
    assert {run["state"] for run in listed(tmp_path)} == {"finished"}

    watched = benchtui(tmp_path, "attach", f"{MODEL_NAME}/base")
    assert watched.returncode == 0
    assert "base: demo_instructions 192/192 prompt_level_strict_acc 28.6% ± 3.3" in watched.stderr
    events = [json.loads(line) for line in benchtui(tmp_path, "attach", MODEL_NAME, "--json").stdout.splitlines()]
    assert [event["status"] for event in events if event["event"] == "done"].count("finished") == 2
