"""What is shown of real tasks' documents while they are answered, and later, is their question."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from benchtui.text import one_line


@pytest.mark.hub
@pytest.mark.slow
def test_the_question_of_real_tasks_is_shown(hub: Any) -> None:
    command = [sys.executable, "-m", "tests.worker.real_questions"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | hub.env)
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 4 * 2 * 6, run.stderr[-2000:]
    for line in lines:
        assert line["shown"] == line["asked"], "the last turn, whole, and nothing around it"
        assert line["live"] == one_line(line["asked"], 100)
        assert one_line(line["own"], 60).rstrip("…") in line["live"]
        assert len(line["prompt"]) > len(line["shown"]), "there is more in the prompt than the question"
