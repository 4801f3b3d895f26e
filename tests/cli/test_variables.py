"""An error about the value of an environment variable names the variable, whatever command meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def benchtui(*arguments: str, cwd: Path, **variables: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "benchtui", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("command", "variable", "value"),
    [
        ("run", "BENCHTUI_LIMIT", "abc"),
        ("run", "BENCHTUI_OFFLINE", "maybe"),
        ("run", "BENCHTUI_SEED", "1,2"),
        ("run", "BENCHTUI_GEN_KWARGS", "{x"),
        ("suites", "BENCHTUI_JSON", "maybe"),
        ("tasks", "BENCHTUI_JSON", "maybe"),
        ("demo", "BENCHTUI_JSON", "maybe"),
    ],
)
def test_a_value_that_cannot_be_read(tmp_path: Path, command: str, variable: str, value: str) -> None:
    code, said = benchtui(command, cwd=tmp_path, **{variable: value})
    assert code == 2
    assert said.startswith(f"benchtui: {variable}: ")
    assert "Correct or unset the variable." in said
    assert "--json" not in said


@pytest.mark.parametrize("command", ["run", "models", "runs", "history"])
def test_a_folder_that_is_not_there(tmp_path: Path, command: str) -> None:
    code, said = benchtui(command, cwd=tmp_path, BENCHTUI_OUTPUTS="/nowhere/at/all")
    assert code == 2
    assert "/nowhere/at/all" in said
    assert "(BENCHTUI_OUTPUTS in the environment says so.)" in said


def test_a_model_that_is_not_there_and_a_flag_that_counts_instead(tmp_path: Path) -> None:
    (tmp_path / "outputs" / "mine").mkdir(parents=True)
    code, said = benchtui("run", cwd=tmp_path, BENCHTUI_MODEL="nothing")
    assert code == 2
    assert "BENCHTUI_MODEL in the environment says so" in said
    code, said = benchtui("run", "--model", "nothing", cwd=tmp_path, BENCHTUI_MODEL="nothing")
    assert code == 2
    assert "BENCHTUI_MODEL" not in said


def test_a_flag_with_a_wrong_value_is_still_called_a_flag(tmp_path: Path) -> None:
    code, said = benchtui("runs", "--no-such-flag", cwd=tmp_path, BENCHTUI_JSON="1")
    assert code == 2
    assert "BENCHTUI_JSON" not in said
