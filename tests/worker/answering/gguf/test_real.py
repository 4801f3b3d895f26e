"""A real 135M model, as transformers folder and as GGUF of the same numbers: the same scores, choices and texts.

BENCHTUI_TEST_REAL_SIZE=full asks 200 requests for log-likelihoods and 20 texts instead of 32 and 2 (`make real`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Hub

SIZE = os.environ.get("BENCHTUI_TEST_REAL_SIZE", "short")
pytestmark = [
    pytest.mark.hub, pytest.mark.real, pytest.mark.gguf, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600),
]  # fmt: skip


def test_real_tasks_score_as_with_transformers(
    hub: Hub, real_model: Path, llama_cpp: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "tests.worker.answering.gguf.real_tasks", str(real_model), SIZE]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | hub.env)
    assert run.returncode == 0, run.stderr[-3000:]
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    exact = [line for line in lines if line["file"] == "F32"]
    small = [line for line in lines if line["file"] == "Q4_1" and line["largest"]]
    assert len(exact) >= 3
    assert len(small) >= 2
    for line in exact:
        assert line["largest"] <= 3e-4, line
        assert line["same"] == line["documents"], line
        assert line["metrics"], line
    assert sum(line["same"] for line in small) >= 0.95 * sum(line["documents"] for line in small), small
    assert all(0.001 < line["largest"] < 4 for line in small), "the quantised file was not read, or something else was"
    if SIZE == "full":
        with capsys.disabled():
            print("\n" + "\n".join(map(str, lines)))
