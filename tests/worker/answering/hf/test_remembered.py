"""What fitted after memory had run out, kept from night to night."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.worker.answering.hf import remembered
from tests.worker.instances import small_plan


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BenchmarkPlan:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return small_plan(tmp_path)


def test_a_size_is_for_one_model_one_engine_and_one_kind_of_task(plan: BenchmarkPlan) -> None:
    assert remembered.batch_size(plan, "generate_until") is None
    remembered.store_batch_size(plan, "generate_until", 4)
    assert remembered.batch_size(plan, "generate_until") == 4
    assert remembered.batch_size(plan, "multiple_choice") is None
    other = msgspec.structs.replace(plan, source=msgspec.structs.replace(plan.source, identity="another"))
    assert remembered.batch_size(other, "generate_until") is None
    slower = msgspec.structs.replace(plan, backend_settings={"engine": "lm-eval"})
    assert remembered.batch_size(slower, "generate_until") is None


def test_a_share_of_the_memory(plan: BenchmarkPlan) -> None:
    assert remembered.memory_share(plan) == 1.0
    remembered.store_memory_share(plan, 0.25)
    assert remembered.memory_share(plan) == 0.25
    remembered.store_memory_share(plan, 7.0)
    assert remembered.memory_share(plan) == 1.0, "nonsense is not believed"


def test_the_oldest_are_forgotten(plan: BenchmarkPlan) -> None:
    for number in range(remembered.KEPT + 20):
        remembered.store_batch_size(plan, f"kind {number}", number + 1)
    assert remembered.batch_size(plan, "kind 0") is None
    assert remembered.batch_size(plan, f"kind {remembered.KEPT + 19}") == remembered.KEPT + 20


@pytest.mark.parametrize("garbage", ["", "{", '{"a": "b"}', "[]"])
def test_a_damaged_file_costs_only_what_it_saved(plan: BenchmarkPlan, garbage: str) -> None:
    remembered.store_batch_size(plan, "generate_until", 4)
    remembered._file().write_text(garbage)
    assert remembered.batch_size(plan, "generate_until") is None
    remembered.store_batch_size(plan, "generate_until", 2)
    assert remembered.batch_size(plan, "generate_until") == 2


def test_a_folder_that_cannot_be_written_is_left_alone(plan: BenchmarkPlan, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    remembered.store_batch_size(plan, "generate_until", 4)
    assert remembered.batch_size(plan, "generate_until") is None
