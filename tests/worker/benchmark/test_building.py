"""Prompts built under watch: the document in hand is named, one that was given up on changes no other prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.runs.in_hand import InHandWriter, read_in_hand
from benchtui.worker.benchmark.tasks.building import build_requests, build_watched
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.guard import StopRequested
from tests.worker.instances import NoModel, prompts, small_plan, small_task


def hang_at(loaded: LoadedTask, *numbers: int) -> None:
    """Have the task's own function fail at these documents, where a real one would hang."""
    loaded.task.config.doc_to_text.__globals__["HUNG"][:] = numbers


@pytest.mark.parametrize("shots", [None, 2])
def test_every_prompt_is_the_one_that_lm_eval_builds(tmp_path: Path, shots: int | None) -> None:
    plan = small_plan(tmp_path, shots=shots)
    expected = prompts(build_requests(small_task(plan), plan, NoModel()))
    writer = InHandWriter(tmp_path / "in-hand.json")
    found = prompts(build_watched(small_task(plan), plan, NoModel(), writer, set(), lambda: None).instances)
    assert found == expected
    assert len(found) == 8


@pytest.mark.parametrize("shots", [None, 2])
def test_a_document_left_out_changes_no_other_prompt(tmp_path: Path, shots: int | None) -> None:
    """Few-shot examples are drawn one document after another from one generator."""
    plan = small_plan(tmp_path, shots=shots)
    expected = prompts(build_requests(small_task(plan), plan, NoModel()))
    loaded = small_task(plan)
    hang_at(loaded, 3) if shots is None else None
    writer = InHandWriter(tmp_path / "in-hand.json")
    found = prompts(build_watched(loaded, plan, NoModel(), writer, {3, 6}, lambda: None).instances)
    hang_at(loaded)
    assert found == {doc_id: prompt for doc_id, prompt in expected.items() if doc_id not in (3, 6)}
    assert read_in_hand(tmp_path / "in-hand.json").document is None, "nothing is in hand any more"


def test_the_document_whose_prompt_hangs_is_named(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    loaded = small_task(plan)
    hang_at(loaded, 5)
    writer = InHandWriter(tmp_path / "in-hand.json")
    with pytest.raises(TimeoutError):
        build_watched(loaded, plan, NoModel(), writer, set(), lambda: None)
    hang_at(loaded)
    found = read_in_hand(tmp_path / "in-hand.json")
    assert found.task == "small_writes"
    assert found.doing == "building its prompt"
    assert found.document is not None
    assert (found.document.doc_id, found.document.first_line) == (5, "What is 5?")
    assert prompts(build_requests(loaded, plan, NoModel())), "the task is as it was"


def test_building_can_be_stopped_between_documents(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise StopRequested

    with pytest.raises(StopRequested):
        build_watched(small_task(plan), plan, NoModel(), InHandWriter(tmp_path / "x"), set(), check)
    assert len(calls) == 3


def test_built_again_the_sampled_examples_are_the_same(tmp_path: Path) -> None:
    """One of several workers opens a task again where a chunk of it comes back."""
    plan = small_plan(tmp_path, shots=2)
    loaded = small_task(plan)
    first, again = (prompts(build_requests(loaded, plan, NoModel())) for _ in range(2))
    assert again == first
