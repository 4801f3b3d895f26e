"""Any error among several tasks stays as rare as promised, whatever became of the tasks and whoever stopped the run.

Longer: tests/perf/calibration_family.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.cells import Cell
from tests.evidence.simulation_family import (
    ALPHA,
    LOSSES,
    Loss,
    at_any_look,
    claims,
    false_claims,
    pairs_alone,
    row_of,
)

REPLICAS = 500


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("tasks", [1, 4])
def test_equal_models_are_rarely_called_different_on_any_task(tasks: int, lost: Loss, watched: bool) -> None:
    replicas = REPLICAS // 4 if lost == "stopped by hand" else REPLICAS  # of which each is looked at many times
    there, back = false_claims(tasks, replicas, np.random.default_rng(tasks), watched=watched, lost=lost)
    assert Cell("", ALPHA, there, replicas).kept
    assert there == back, "the order of the runs changed a verdict"


def test_what_is_missing_would_have_misled_where_it_is_not_counted() -> None:
    """The pairs alone, of runs that lose wrong answers, and of runs that are stopped when they look good."""
    rng = np.random.default_rng(1)
    assert pairs_alone(4, 2_000, rng) > 0.15
    assert at_any_look(2_000, rng) > 0.1


def test_a_difference_on_one_of_many_tasks_is_shown_where_it_is_large() -> None:
    """What is corrected for the others, and for missing samples, can still be found."""
    counts = (42, 15, 138, 1, 1, 1, 1, 1)
    alone = [row_of(counts, swapped=swapped) for swapped in (False, True)]
    for swapped, row in zip((False, True), alone, strict=True):
        assert claims([row], 10, watched=False, swapped=swapped)
        assert not claims([row], 10, watched=True, swapped=swapped)
