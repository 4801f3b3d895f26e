"""The experiment log tells for each run what its model was trained with then, not what its folder says now."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest

from benchtui.compare.history.history import model_history
from benchtui.plans.plan import write_plan
from benchtui.reports.log import log_records
from benchtui.runs.directory import RunDirectory
from tests.runs.laid_out import Laid, end
from tests.synthetic import ifeval, write_run

NOON = dt.datetime.fromisoformat("2026-11-20T12:00:00")


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path)


def train(laid: Laid, rate: float, rank: int, *, finished: dt.datetime = NOON, dataset: str = "GAIR/lima") -> None:
    """What a training into the model's folder leaves there."""
    facts = {"dataset_name": dataset, "learning_rate": rate, "lora_rank": rank, "timestamp": finished.isoformat()}
    (laid.outputs / "tuned" / "training_metrics.json").write_text(json.dumps(facts))


def benchmark(laid: Laid, finished: dt.datetime) -> RunDirectory:
    run = laid.lay_out(resume=lambda _: False).fine_tuned
    end(run, "finished")
    write_run(run.path, {"ifeval": ifeval([True, False])}, stamp=finished.strftime("%Y-%m-%dT%H-%M-%S"))
    return run


def as_before_it_was_kept(run: RunDirectory) -> None:
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), training=None))


def logged(laid: Laid) -> list[tuple[object, ...]]:
    records = log_records(model_history(laid.outputs / "tuned"))
    return [(record["dataset"], record["learning_rate"], record["lora_rank"]) for record in records]


def test_a_model_trained_again_into_its_folder_keeps_what_its_earlier_runs_were_trained_with(laid: Laid) -> None:
    """The experiment log that people keep by hand."""
    for hours, rate, rank in ((0, 2e-4, 16), (2, 5e-4, 32)):
        train(laid, rate, rank, finished=NOON + dt.timedelta(hours=hours))
        benchmark(laid, NOON + dt.timedelta(hours=hours + 1))
    assert logged(laid) == [("GAIR/lima", 2e-4, 16), ("GAIR/lima", 5e-4, 32)]


def test_a_run_from_before_they_were_kept_has_the_facts_of_its_folder(laid: Laid) -> None:
    train(laid, 2e-4, 16)
    as_before_it_was_kept(benchmark(laid, NOON + dt.timedelta(hours=1)))
    assert logged(laid) == [("GAIR/lima", 2e-4, 16)]


def test_unless_the_model_was_trained_again_since(laid: Laid) -> None:
    train(laid, 2e-4, 16)
    as_before_it_was_kept(benchmark(laid, NOON + dt.timedelta(hours=1)))
    train(laid, 5e-4, 32, finished=NOON + dt.timedelta(hours=2))
    assert logged(laid) == [(None, None, None)]


def test_a_name_that_is_no_text_does_not_keep_a_model_from_being_benchmarked(laid: Laid) -> None:
    train(laid, 2e-4, 16, dataset="lima \ud800")
    benchmark(laid, NOON + dt.timedelta(hours=1))
    assert logged(laid) == [("lima \\ud800", 2e-4, 16)]
