"""Models compared token by token by a real worker: what its run holds when it ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchtui.plans.plan import write_plan
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Phase
from benchtui.runs.kinds.tokens.events import PairsCompared, TokensPlanned, TokensScored
from benchtui.runs.records import run_state
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from benchtui.tokens.store import DistributionStore, open_store
from benchtui.tokens.summary import read_summary
from tests.worker.tiny_models import make_base
from tests.worker.tokens.comparisons import TEXTS, compare, new_run, perturbed, plan_of


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random model, and the same with noise on all of its matrices."""
    folder = tmp_path_factory.mktemp("models")
    base = make_base(folder / "base")
    return {"base": base, "tuned": perturbed(base, folder / "tuned")}


def test_a_real_worker_compares_two_models(tmp_path: Path, models: dict[str, Path]) -> None:
    run = new_run(tmp_path, plan_of(models))
    (done,) = Supervisor([run], SuperviseSettings(), Control()).supervise()
    assert (done.status, run_state(run)) == ("finished", "finished"), done.message
    events = list(read_events(run.events))
    store = open_store(run.path)
    planned = [event for event in events if isinstance(event, TokensPlanned)]
    assert planned[0].documents == len(TEXTS)
    assert planned[0].positions == (len(store.column(0, "logprob")),) * 2
    last = {event.model: event for event in events if isinstance(event, TokensScored)}
    assert [last[number].documents for number in (0, 1)] == [len(TEXTS)] * 2
    assert last[1].surprisal == pytest.approx(-float(store.column(1, "logprob").mean()), rel=1e-5)
    compared = [event for event in events if isinstance(event, PairsCompared)][-1]
    assert compared.documents == len(TEXTS)
    assert compared.js == pytest.approx(float(store.pair_column(0, 1, "js").mean()), rel=1e-5)
    summary = read_summary(store.folder)
    assert [model.label for model in summary.models] == ["base", "tuned"]
    assert summary.pairs[0].js.value == pytest.approx(compared.js, rel=1e-5)
    assert (store.folder / "tokens.parquet").is_file()


def test_another_pair_is_asked_for_when_all_is_done(tmp_path: Path, models: dict[str, Path]) -> None:
    """The plan names one more: the run goes through the same hands again, and no model is opened."""
    run = new_run(tmp_path, plan_of(models, pairs=()))
    compare(run)
    write_plan(run.plan_file, plan_of(models, pairs=((1, 0),)))
    (done,) = Supervisor([run], SuperviseSettings(), Control()).supervise()
    assert done.status == "finished", done.message
    store = open_store(run.path)
    assert store.pairs == [(1, 0)]
    assert read_summary(store.folder).pairs[0].js.value == pytest.approx(float(store.pair_column(1, 0, "js").mean()))
    opened = [
        event.detail for event in read_events(run.events) if isinstance(event, Phase) and event.name == "loading model"
    ]
    assert opened[-2:] == ["its output head alone"] * 2


def test_the_same_model_twice_does_not_differ(tmp_path: Path, models: dict[str, Path]) -> None:
    store = compare(new_run(tmp_path, plan_of({"one": models["base"], "again": models["base"]})))
    for name in ("kl", "kl_reverse", "tv"):
        assert (store.pair_column(0, 1, name) == 0).all()
    assert np.abs(store.pair_column(0, 1, "js")).max() <= 1e-6
    assert (store.pair_column(0, 1, "shift") == 1).all()
    assert isinstance(store, DistributionStore)
