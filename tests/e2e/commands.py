"""Running the real commands in real processes, as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.interpreter import this_python


@dataclass(frozen=True)
class Finished:
    """A command that ended: exit status and what it printed."""

    code: int
    out: str
    err: str


def benchtui(*arguments: str | Path, cwd: Path, env: dict[str, str] | None = None, timeout: float = 280) -> Finished:
    """`benchtui …`; fails the test when it takes longer than `timeout` seconds."""
    process = subprocess.run(
        this_python("-m", "benchtui", *map(str, arguments)),  # as the installed command: nothing here is imported
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(process.returncode, process.stdout, process.stderr)


def lm_eval(*arguments: str | Path, cwd: Path, env: dict[str, str], timeout: float = 7200) -> None:
    """`lm_eval …`, the reference; fails the test with what it said when it does not succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def results_in(folder: Path) -> dict[str, Any]:
    """The one results file in an lm-eval folder, wherever below it is."""
    (file,) = folder.rglob("results_*.json")
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def samples_in(folder: Path, task: str) -> list[dict[str, Any]]:
    """Sample records of a task, in the order of (filter, doc_id)."""
    (file,) = folder.rglob(f"samples_{task}_*.jsonl")
    records = [json.loads(line) for line in file.read_text().splitlines()]
    return sorted(records, key=lambda record: (record["filter"], record["doc_id"]))
