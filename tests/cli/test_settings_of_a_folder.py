"""A folder that was downloaded, with a benchtui.toml in it: it chooses settings, and nothing in it is run unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.errors import ExitCode
from tests.e2e.commands import benchtui

EVIL = "task: evil\ndataset_path: json\noutput_type: generate_until\ndoc_to_text: !function code.run\n"


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    (tmp_path / "outputs").mkdir()
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "evil.yaml").write_text(EVIL)
    (tasks / "code.py").write_text("import pathlib\npathlib.Path('RAN').touch()\n")
    (tmp_path / "benchtui.toml").write_text('[run]\ninclude-path = "tasks"\ntasks = "evil"\n')
    return tmp_path


@pytest.mark.parametrize("command", [("run",), ("app", "--plain"), ("app",), ()], ids=" ".join)
def test_its_tasks_are_not_taken(downloaded: Path, command: tuple[str, ...]) -> None:
    finished = benchtui(*command, "--no-base", cwd=downloaded)
    assert finished.code == ExitCode.USAGE
    assert len([line for line in finished.err.splitlines() if not line.startswith("  →")]) == 1, finished.err
    assert str(downloaded / "benchtui.toml") in finished.err
    assert "--include-path" in finished.err
    assert not (downloaded / "RAN").exists()


def test_typed_they_are(downloaded: Path) -> None:
    finished = benchtui("run", "--include-path", "tasks", cwd=downloaded)
    assert "There are no trained models in outputs." in finished.err, "the next thing that is looked at"


def test_the_list_of_tasks_reads_them_without_running_anything(downloaded: Path) -> None:
    finished = benchtui("tasks", "evil", "--json", cwd=downloaded)
    assert "evil" in {entry["name"] for entry in json.loads(finished.out)}
    assert not (downloaded / "RAN").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--model-args", "token=abcdefgh"),
        ("--model-args", "a=1", "--model-args", 'x={"x": 1},use_auth_token=abcdefgh'),
        ("--model-args", 'chat_template_args={"api_key": "abcdefgh"}'),
        ("--gen-kwargs", '{"hf_token": "abcdefgh"}'),
        ("--gen-kwargs", "password=abcdefgh"),
    ],
)
def test_a_secret_comes_from_the_environment_only(tmp_path: Path, flags: tuple[str, ...]) -> None:
    finished = benchtui("run", *flags, cwd=tmp_path)
    assert finished.code == ExitCode.USAGE
    assert flags[0] in finished.err
    assert "HF_TOKEN" in finished.err
    assert "abcdefgh" not in finished.err
    variable = f"BENCHTUI_{flags[0][2:].upper().replace('-', '_')}"
    finished = benchtui("run", cwd=tmp_path, env={variable: flags[-1]})
    assert variable in finished.err
    assert "HF_TOKEN" in finished.err
