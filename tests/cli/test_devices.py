"""Workers, devices and models at once as they are said: by flag, variable and file."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.run import command
from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.command import command_line, other_settings


@pytest.fixture(autouse=True)
def nothing_is_said_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")


def parsed(line: str = "") -> Choice:
    with command.make_context("run", shlex.split(line)) as context:
        return choice_from_flags(context.params)


def said(choice: Choice) -> tuple[object, ...]:
    return choice.workers, choice.devices, choice.models_at_once, choice.planned_device


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", ("auto", None, "auto", "auto")),
        ("--device cuda:1", ("auto", None, "auto", "cuda:1")),
        ("--workers 4 --device cpu", (4, None, "auto", "cpu")),
        ("--workers 4 --devices cpu", (4, "cpu", "auto", "cpu")),
        ("--devices 0,1", ("auto", "0,1", "auto", "cuda")),
        ("--devices 'cuda:1, cuda:0' --device cuda", ("auto", "1,0", "auto", "cuda")),
        ("--devices auto", ("auto", "auto", "auto", "auto")),
        ("--num-gpus 2", ("auto", "0,1", "auto", "cuda")),
        ("--devices none", ("auto", None, "auto", "auto")),
        ("--model all --models-at-once 3", ("auto", None, 3, "auto")),
    ],
)
def test_flags_and_the_command_that_is_shown(line: str, meant: tuple[object, ...]) -> None:
    choice = parsed(line)
    assert said(choice) == meant
    shown = command_line(choice).removeprefix("benchtui run ")
    assert parsed(shown) == choice
    assert ("--devices" in shown) == (choice.devices is not None)


def test_the_review_of_the_wizard_names_them() -> None:
    lines = other_settings(parsed("--workers 4 --devices 0,1 --model all --models-at-once 2"))
    assert {"--workers 4", "--devices 0,1", "--models-at-once 2"} <= set(lines)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--devices 0,0", "that are each named once"),
        ("--devices gpu", "is not GPUs joined by commas"),
        ("--devices '0,;rm'", "is not GPUs joined by commas"),
        ("--devices ''", "is not GPUs joined by commas"),
        ("--workers 0", "is not a whole number, 1 or more"),
        ("--device mps --devices 0", "--device mps and --devices 0 contradict each other"),
        ("--device cpu --devices auto", "contradict each other"),
        ("--models-at-once 2", "--models-at-once says nothing without --model all"),
    ],
)
def test_what_makes_no_sense(line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(line)
    assert words in caught.value.what


def test_variables_and_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchtui.toml").write_text(
        '[run]\nworkers = 2\ndevices = [1, 0]\nmodels-at-once = 2\ndevice = "cuda"\n'
    )
    assert said(parsed("--model all")) == (2, "1,0", 2, "cuda")
    assert said(parsed()) == (2, "1,0", "auto", "cuda"), "of one model, the file's number says nothing"
    monkeypatch.setenv("BENCHTUI_WORKERS", "3")
    monkeypatch.setenv("BENCHTUI_DEVICES", "cpu")
    assert said(parsed()) == (3, "cpu", "auto", "cpu"), "the stronger of two that contradict each other"
    assert said(parsed("--device cuda:1")) == (3, None, "auto", "cuda:1")
    assert said(parsed("--workers auto --devices auto")) == ("auto", "auto", "auto", "cuda")


def test_a_server_takes_no_notice_of_what_a_file_says_of_workers(tmp_path: Path) -> None:
    (tmp_path / "benchtui.toml").write_text("[run]\nworkers = 2\ndevices = 1\n")
    assert said(parsed("--backend ollama")) == ("auto", None, "auto", "auto")
    assert said(parsed("--backend ollama --workers 2"))[0] == 2, "what is typed is refused when the run begins"
