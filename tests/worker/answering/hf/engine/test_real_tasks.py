"""The real tasks' requests: the same scores, texts and metrics as with lm-eval's own model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest


@pytest.mark.hub
@pytest.mark.slow
def test_real_tasks_score_as_in_lm_eval(hub: Any) -> None:
    command = [sys.executable, "-m", "tests.worker.answering.hf.engine.real_tasks", str(hub.root)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | hub.env)
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 6 * 5
    for line in lines:
        assert line["largest"] <= 1e-4, line
        assert line["same"], line
        assert line["metrics"], line
