"""Nine thresholds of a real model of 135M parameters and a sibling of fewer layers, against separate evaluations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchtui.runs.journal.journal import Journal
from tests.conftest import Hub
from tests.e2e.siblings import make_near_sibling
from tests.e2e.swept_siblings import MODEL, place_models, steps, sweep

pytestmark = [pytest.mark.hub, pytest.mark.real, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(6000)]

AT_128 = ("--gen-kwargs", "max_gen_toks=128")
WHOLE = os.environ.get("BENCHTUI_TEST_REAL_SIZE") == "full"
"""Set by `make real`: these take many minutes."""
CASES = [("distant", "ifeval", "4"), ("near", "ifeval", "4"), ("distant", "gsm8k", "10"), ("near", "gsm8k", "10")]


@pytest.fixture(scope="module")
def distant(tmp_path_factory: pytest.TempPathFactory, real_model: Path) -> Path:
    """A sibling of half the layers."""
    return place_models(tmp_path_factory.mktemp("distant"), real_model, 15)


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory, real_model: Path) -> Path:
    """A sibling of 28 of 30 layers."""
    folder = tmp_path_factory.mktemp("near")
    (folder / MODEL).symlink_to(real_model / MODEL, target_is_directory=True)
    return make_near_sibling(folder / MODEL, folder / "near-28", (5, 25))


def test_log_likelihoods_take_one_pass_of_each_model(distant: Path, hub: Hub) -> None:
    """Nine thresholds and both models alone; tests/perf/hybrid_sweep.py measures what that takes."""
    run, found = sweep(distant.parent, distant, hub.env, "--json", "--tasks", "hellaswag", "--limit", "10")
    assert len(found.tasks[0].thresholds) == 9
    with Journal(run.journal, read_only=True) as journal:
        passes = journal.answers("hellaswag")
    assert len(passes) == 2 * 4 * 10, "each of four choices was read once by either model"


@pytest.mark.parametrize(("layers", "task", "limit"), CASES if WHOLE else CASES[:1])
def test_texts_take_at_most_six_tenths_of_the_steps(
    request: pytest.FixtureRequest, hub: Hub, layers: str, task: str, limit: str
) -> None:
    """All nine thresholds and both models alone, against nine runs."""
    small: Path = request.getfixturevalue(layers)
    run, found = sweep(small.parent, small, hub.env, "--tasks", task, "--limit", limit, *AT_128)
    assert steps(run, found.tasks[0]).share <= 0.6
