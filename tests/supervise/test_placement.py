"""What each of several workers gets of the machine."""

from __future__ import annotations

import pytest

from benchtui.gpus import CUDA, HIP, Gpu
from benchtui.machine import MEMORY_PART, memory_part, usable_cores
from benchtui.supervise.placement import ORDER, THREADS, WHOLE_MACHINE, placements


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS, raising=False)


def test_one_worker_gets_all() -> None:
    assert placements(1) == [WHOLE_MACHINE]
    assert memory_part() == 1


def test_without_devices_threads_and_memory_are_shared_out() -> None:
    for placement in placements(3):
        assert placement.environment == {THREADS: str(max(1, usable_cores() // 3)), MEMORY_PART: str(1 / 3)}


def test_what_the_user_says_of_threads_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "7")
    assert all(THREADS not in placement.environment for placement in placements(2))


def test_devices_are_taken_in_turn_and_those_on_one_share_its_memory() -> None:
    found = [placement.environment for placement in placements(3, (Gpu(1, "1"), Gpu(4, "4")))]
    assert [(each[CUDA], each[MEMORY_PART]) for each in found] == [("1", "0.5"), ("4", "1.0"), ("1", "0.5")]


@pytest.mark.parametrize("nonsense", ["", "a", "0", "-1", "2", "nan", "inf"])
def test_a_part_that_is_none_is_not_believed(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEMORY_PART, nonsense)
    assert memory_part() == 1


def test_gpus_are_counted_as_the_driver_lists_them_unless_the_user_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ORDER, raising=False)
    assert placements(1, (Gpu(0, "0"),))[0].environment[ORDER] == "PCI_BUS_ID"
    assert ORDER not in placements(1, (Gpu(0, "0", HIP),))[0].environment
    monkeypatch.setenv(ORDER, "FASTEST_FIRST")
    assert ORDER not in placements(1, (Gpu(0, "0"),))[0].environment
