"""Little memory: whatever it is that cannot be loaded, one line says that memory ran out, and blames nothing else."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from benchtui.interpreter import this_python
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("little")
    make_tiny_model(folder / "outputs" / "tuned" / "merged_16bit", chat_template=True)
    write_choice_task(folder / "tasks", "mine", write_data(folder / "data.jsonl"))
    return folder


@pytest.mark.parametrize("megabytes", [60, 250, 500, 1000])
def test_a_run_with_little_memory(place: Path, megabytes: int) -> None:
    command = this_python("-m", "benchtui", "run", "--tasks", "mine", "--include-path", "tasks", "--no-base")
    script = f"ulimit -v {megabytes * 1024}; exec {shlex.join([*command, '--offline', '--no-readme', '--no-resume'])}"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Memory ran out" in done.stderr
    assert "ulimit -v" in done.stderr
    for innocent in ("chat_template", "without a word", "cannot be used", "Error:"):
        assert innocent not in done.stderr
