"""Where runs stop early, against the very object that the worker asks."""

from __future__ import annotations

import numpy as np
import pytest

from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.records import EARLY_ALPHA, FINAL_ALPHA
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, DecideEarly
from benchtui.evidence.stopping_power import stopping


@pytest.mark.parametrize(("difference", "tests"), [(0.15, 1), (0.08, 3)])
def test_runs_stop_where_the_worker_would_stop(difference: float, tests: int) -> None:
    total, discordant, replicas = 240, 0.3, 40
    found = stopping(total, discordant, difference, tests, replicas=replicas, seed=7)
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    drawn = np.random.default_rng(7).choice(np.array([1, -1, 0], dtype=np.int8), p=shares, size=(replicas, total))
    stops, better = [], []
    for moves in drawn:
        run, early = DecideEarly(total, alpha=EARLY_ALPHA / tests), None
        for n, move in enumerate(moves[:-1], 1):
            run.add(float(move))
            if n % DOCUMENTS_A_LOOK == 0 and (early := run.decision()) is not None:
                break
        stops.append(run.n if early else total)
        fixed, broken = int(np.sum(moves > 0)), int(np.sum(moves < 0))
        better.append(early == "higher" if early else fixed > broken and mcnemar(fixed, broken) < FINAL_ALPHA / tests)
    assert found.power == np.mean(better)
    assert found.early == np.mean(np.array(stops) < total)
    assert found.median == int(np.median(stops))
    assert 0 < found.early < 1


def test_a_run_of_a_hopeless_gain_goes_on_to_its_end() -> None:
    found = stopping(60, 0.2, 0.01, replicas=100)
    assert found.median == 60
    assert found.power < 0.1
