"""A real model of 135M parameters, opened by transformers and as a GGUF file: several workers find what one finds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchtui.demo.workspace import demo_paths
from tests.e2e.workers.pooled_runs import NEAR, Place, answers, assert_equal

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(1200)]

NAME = "SmolLM2-135M-Instruct"


def made_place(folder: Path, *arguments: str) -> Place:
    (folder / "outputs" / "m").mkdir(parents=True)
    (folder / "tasks").symlink_to(demo_paths().tasks)
    return Place(folder, ("--tasks", "demo_knowledge,demo_instructions", "--limit", "12", *arguments))


def placed(file: Path, folder: Path) -> None:
    try:
        os.link(file, folder / file.name)
    except OSError:  # another file system
        shutil.copy(file, folder)


def test_hf(tmp_path: Path, real_model: Path) -> None:
    place = made_place(tmp_path, "--dtype", "float32")
    for file in filter(Path.is_file, (real_model / NAME).iterdir()):
        placed(file, tmp_path / "outputs" / "m")
    alone, shared = place.run(1), place.run(2)
    assert_equal(alone, shared, NEAR)
    assert len({(key.task, key.doc_id) for key in answers(shared)}) == 24


@pytest.mark.gguf
@pytest.mark.usefixtures("llama_cpp")
def test_gguf(tmp_path: Path, real_model: Path) -> None:
    """Each document is answered by itself, so that nothing depends on which worker has it: not even the last digit."""
    place = made_place(tmp_path, "--backend", "gguf")
    placed(real_model / f"{NAME}.F32.gguf", tmp_path / "outputs" / "m")
    alone, shared = place.run(1), place.run(2)
    assert {key: answer for key, (_, answer) in answers(alone).items()} == {
        key: answer for key, (_, answer) in answers(shared).items()
    }
    assert_equal(alone, shared, near=0)
