"""`benchtui run --format all-checkpoints`: every checkpoint in turn, the base once, and a leaderboard at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchtui.demo.workspace import Workspace, demo_paths, open_workspace
from benchtui.runs.directory import fine_tuned_runs
from tests.e2e.commands import Finished, benchtui

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    place = open_workspace(tmp_path)
    for step in (30, 4):
        shutil.copytree(place.model / "merged_16bit", place.model / f"checkpoint-{step}")
    return place


def run(place: Workspace, *more: str) -> Finished:
    flags = ("--offline", "--no-readme", "--include-path", demo_paths().tasks, "--tasks", "demo_knowledge")
    return benchtui("run", *flags, "--format", "all-checkpoints", *more, cwd=place.root, env={"COLUMNS": "160"})


def test_each_has_a_run_and_the_base_is_evaluated_once(place: Workspace) -> None:
    written = {file: file.read_bytes() for file in place.model.rglob("README.md")}
    finished = run(place, "--rerun-base", "--readme")
    assert finished.code == 0, finished.err
    assert {file: file.read_bytes() for file in place.model.rglob("README.md")} == written, "of which checkpoint?"
    name = place.model.name
    assert finished.err.splitlines()[-3:] == [
        f"{name}/checkpoint-4: evaluated.",
        f"{name}/checkpoint-30: evaluated.",
        "2 of 2 models evaluated.",
    ]
    formats = [made.plan().source.format for made in fine_tuned_runs(place.model / "benchmarks")]
    assert sorted(formats) == ["checkpoint-30", "checkpoint-4"]
    assert not (place.model / "benchmarks" / "base" / "previous").exists()
    assert finished.err.count("loading the model") == 3
    table = [line for line in finished.out.splitlines() if line.startswith(f"{name}/checkpoint-")][-2:]
    assert {line.split()[0] for line in table} == {f"{name}/checkpoint-4", f"{name}/checkpoint-30"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--models-at-once", "2"), "--format all-checkpoints takes one after another."),
        (("--backend", "gguf"), "The gguf backend loads a GGUF file"),
    ],
)
def test_what_cannot_be(place: Workspace, more: tuple[str, ...], words: str) -> None:
    finished = run(place, *more)
    assert finished.code == 2
    assert words in finished.err


def test_a_model_without_checkpoints_is_left_out_of_all(place: Workspace) -> None:
    (place.outputs / "plain").mkdir()
    shutil.copytree(place.model / "merged_16bit", place.outputs / "plain" / "merged_16bit")
    finished = run(place, "--model", "all")
    assert finished.code == 0, finished.err
    assert finished.err.splitlines()[-1] == "2 of 2 models evaluated."
