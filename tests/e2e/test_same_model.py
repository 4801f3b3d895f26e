"""A "fine-tuned" model that holds the base's weights: a merge that failed, a checkpoint that was never changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.commands import benchtui
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

SAME = "Every answer of Base and Fine-tuned is the same, to the last digit"


@pytest.mark.parametrize(
    ("seed", "said"), [(None, True), pytest.param(1, False, marks=pytest.mark.long)], ids=["copied", "trained"]
)
def test_the_same_answers_are_said_to_be(tmp_path: Path, seed: int | None, said: bool) -> None:
    make_tiny_model(tmp_path / "base")
    merged = tmp_path / "outputs" / "tuned" / "merged_16bit"
    if seed is None:
        shutil.copytree(tmp_path / "base", merged)
    else:
        make_tiny_model(merged, seed=seed)
    write_choice_task(tmp_path / "tasks", "mine", write_data(tmp_path / "data.jsonl"))
    done = benchtui(
        "run", "--base", tmp_path / "base", "--tasks", "mine", "--include-path", tmp_path / "tasks", cwd=tmp_path
    )
    assert done.code == 0, done.err
    assert (SAME in " ".join(done.out.split())) is said
    assert (SAME in (tmp_path / "outputs" / "tuned" / "benchmarks" / "benchmark.json").read_text()) is said
