"""`make demo` says what it does while it installs, and can install PyTorch for the CPU."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def planned(*words: str) -> list[str]:
    """The lines that make would carry out in a fresh clone."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    command = ["make", "--dry-run", "--always-make", "demo", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("words", [(), ("TORCH=cpu",)])
def test_every_long_step_is_announced_and_none_is_silent(words: tuple[str, ...]) -> None:
    lines = planned(*words)
    installs = [number for number, line in enumerate(lines) if "pip install" in line]
    assert installs
    assert not any("--quiet" in line or " -q" in line for line in lines)
    for number in installs:
        assert any(line.startswith("echo") for line in lines[max(number - 2, 0) : number]), lines[number]


def test_pytorch_for_the_cpu_comes_first_and_in_the_version_that_is_pinned() -> None:
    lines = [line for line in planned("TORCH=cpu") if "pip install" in line]
    cpu = next(number for number, line in enumerate(lines) if "https://download.pytorch.org/whl/cpu" in line)
    benchtui = next(number for number, line in enumerate(lines) if "--editable" in line)
    assert cpu < benchtui
    assert "grep '^torch==' constraints.txt" in lines[cpu]
    assert sum(line.startswith("torch==") for line in (ROOT / "constraints.txt").read_text().splitlines()) == 1
    assert not any("whl/cpu" in line for line in planned())
