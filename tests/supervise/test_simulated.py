"""The real schedule on a simulated clock: nothing is lost and nothing answered twice, whatever takes how long."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.runs.chunks import WorkUnit
from benchtui.supervise.schedule import SMALLEST
from benchtui.supervise.slot import POLL
from tests.perf.scale_parts.simulator import Rates, simulate

sizes = st.lists(st.integers(0, 120), min_size=1, max_size=4).filter(any)
rates = st.builds(
    Rates,
    document=st.sampled_from([0.0, 0.003, 0.3]),
    start=st.floats(0, 30),
    build=st.floats(0, 0.1),
    own=st.floats(0, 0.01),
    computes=st.booleans(),
    batch=st.integers(1, 64),
    event=st.sampled_from([0.0, 0.0001, 0.05]),
)
FREE = Rates(0.1, command=0, start=0, build=0, own=0, chunk=0, event=0, look=0)
"""A tenth of a second for a document, and nothing for all else."""


def units(sizes: list[int]) -> list[WorkUnit]:
    return [WorkUnit(f"task{number}", size) for number, size in enumerate(sizes)]


@settings(max_examples=30, deadline=None)
@given(sizes=sizes, workers=st.integers(1, 40), rates=rates, cores=st.integers(1, 8), apart=st.booleans())
def test_every_document_is_answered_once_and_in_no_less_time_than_it_takes(
    sizes: list[int], workers: int, rates: Rates, cores: int, apart: bool
) -> None:
    found = simulate(units(sizes), workers, rates, cores=cores, apart=apart)
    assert found.answered == {(unit.name, place): 1 for unit in units(sizes) for place in range(unit.size)}
    at_once = min(workers, cores) if rates.computes else workers
    assert found.asked_to >= found.model / at_once - 1e-6
    assert found.seconds >= found.asked_to >= rates.command + rates.start
    assert 0 <= found.efficiency <= 1 + 1e-9


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 2000), workers=st.integers(1, 16), seed=st.integers(0, 99))
def test_nobody_is_waited_for_much_longer_than_the_smallest_chunks_take(size: int, workers: int, seed: int) -> None:
    found = simulate(units([size]), workers, FREE, cores=workers, seed=seed)
    assert found.ask <= 1.1 * found.ideal + 2 * SMALLEST * FREE.document + 4 * POLL


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_worker_of_half_the_speed_delays_nobody(workers: int) -> None:
    found = simulate(units([600 * workers]), workers, FREE, cores=workers, speeds=[0.5] + [1.0] * (workers - 1))
    assert found.ideal / found.ask > 0.85


def test_ten_times_the_workers_are_faster_while_there_are_enough_documents() -> None:
    slow = Rates(0.5)
    times = [simulate(units([5000, 5000]), workers, slow, cores=workers).seconds for workers in (4, 40)]
    assert times[1] < times[0] / 5
    alone = dataclasses.replace(slow, computes=True)
    assert simulate(units([500]), 8, alone, cores=2).ask >= 500 * 0.5 / 2 * 0.95, "two cores do the work of two"
