"""A comparison that is interrupted: nothing is computed twice, and every file ends with the same bytes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import GivenText
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import EventWriter, Results, WorkerStarted
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from benchtui.tokens.store import StoreWriter
from benchtui.tokens.summary import read_summary
from benchtui.worker.guard import StopFlag, StopRequested
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter
from benchtui.worker.tokens import text_sets
from benchtui.worker.tokens.session import score, work
from tests.e2e.tiny import TEXT
from tests.worker.tiny_models import make_base
from tests.worker.tokens.comparisons import TEXTS, compare, files_of, new_run, perturbed, plan_of

MANY = tuple(GivenText(text.prompt, f"{text.answer or ' all day'} {n}") for n in range(6) for text in TEXTS)


class KilledError(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    base = make_base(folder / "base")
    return {name: perturbed(base, folder / name, seed=n) if n else base for n, name in enumerate(("base", "b", "c"))}


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_sets, "SHARD_TOKENS", 60)


@contextmanager
def dies_at(method: str, call: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While open, the worker dies right before the `call`-th file of this kind is written."""
    calls, write = 0, getattr(StoreWriter, method)

    def counted(self: StoreWriter, *arguments: Any) -> str:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KilledError
        found: str = write(self, *arguments)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, method, counted)
        yield


def shards_written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    written: list[Any] = []
    write = StoreWriter.shard

    def noted(self: StoreWriter, model: int, shard: int, *arguments: Any) -> str:
        written.append((model, shard))
        return write(self, model, shard, *arguments)

    monkeypatch.setattr(StoreWriter, "shard", noted)
    return written


@pytest.mark.parametrize(("method", "call"), [("shard", 3), ("shard", 9), ("model", 2), ("pair", 4)])
@pytest.mark.usefixtures("small_shards")
def test_what_died_anywhere_ends_with_the_same_bytes(
    tmp_path: Path, models: dict[str, Path], method: str, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(models, MANY)
    whole, run = new_run(tmp_path / "whole", plan), new_run(tmp_path / "killed", plan)
    compare(whole)
    with dies_at(method, call, monkeypatch), pytest.raises(KilledError):
        compare(run)
    before = files_of(run)
    written = shards_written(monkeypatch)
    compare(run)
    assert files_of(run) == files_of(whole)
    there = {name for name in before if "models" in name and "shard" in name}
    assert not {f"models/{model}/shard-{shard:04}.safetensors" for model, shard in written} & there
    assert len(there) + len(written) == len({name for name in files_of(whole) if "models" in name and "shard" in name})


@pytest.mark.usefixtures("small_shards")
def test_a_damaged_shard_is_computed_again(tmp_path: Path, models: dict[str, Path]) -> None:
    run = new_run(tmp_path, plan_of(models, MANY))
    compare(run)
    before = files_of(run)
    (run.path / "tokens" / "models" / "1" / "shard-0002.safetensors").write_bytes(b"damaged")
    (run.path / "tokens" / "pairs" / "0-1" / "shard-0000.safetensors").unlink()
    compare(run)
    assert files_of(run) == before


@pytest.mark.usefixtures("small_shards")
def test_another_pair_is_compared_without_any_model(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan may name more pairs later: nothing of a model is computed again."""
    every = plan_of(models, MANY, pairs=((0, 1), (0, 2), (1, 2)))
    whole = new_run(tmp_path / "whole", every)
    compare(whole)
    run = new_run(tmp_path / "later", plan_of(models, MANY, pairs=((0, 1),)))
    compare(run)
    write_plan(run.plan_file, every)
    written = shards_written(monkeypatch)
    store = compare(run)
    assert not written
    assert store.pairs == [(0, 1), (0, 2), (1, 2)]
    assert files_of(run) == files_of(whole)


@pytest.mark.usefixtures("small_shards")
def test_stopped_it_says_what_is_complete(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path, plan_of(models, MANY))
    process = process_of(run)
    write = StoreWriter.shard

    def stopping(self: StoreWriter, model: int, *arguments: Any) -> str:
        process.stop.requested = model == 1
        return write(self, model, *arguments)

    monkeypatch.setattr(StoreWriter, "shard", stopping)
    with pytest.raises(StopRequested):
        work(process, [run])
    summary = read_summary(run.path / "tokens")
    assert [model.label for model in summary.models] == ["base"]
    assert summary.notes[0] == "Partial: b, c did not read all texts."
    (results,) = [event for event in read_events(run.events) if isinstance(event, Results)]
    assert results.partial
    monkeypatch.undo()
    monkeypatch.setattr(text_sets, "SHARD_TOKENS", 60)
    compare(run)
    assert [model.label for model in read_summary(run.path / "tokens").models] == ["base", "b", "c"]


@pytest.mark.usefixtures("small_shards")
def test_without_a_model_what_is_complete_is_said(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path, plan_of(models, MANY))
    with dies_at("pair", 2, monkeypatch), pytest.raises(KilledError):
        compare(run)
    score(process_of(run), [run])
    summary = read_summary(run.path / "tokens")
    assert [model.label for model in summary.models] == ["base", "b", "c"]
    assert not summary.pairs
    assert summary.notes[0] == "Partial: not all pairs are compared."


def test_too_large_a_store_is_refused_before_anything_is_read(tmp_path: Path, models: dict[str, Path]) -> None:
    run = new_run(tmp_path, plan_of(models, MANY, largest=20_000))
    with pytest.raises(BenchtuiError, match="more than") as refused:
        compare(run)
    for flag in ("--keep topk", "--limit", "--largest"):
        assert flag in refused.value.next_step
    assert not list((run.path / "tokens").glob("models/*/shard-*"))


def test_other_texts_in_the_store_are_refused(tmp_path: Path, models: dict[str, Path]) -> None:
    run = new_run(tmp_path, plan_of(models, MANY))
    compare(run)
    file = run.path / "tokens" / "texts" / "0.jsonl"
    file.write_bytes(file.read_bytes().replace(b"quick", b"slow!"))
    with pytest.raises(BenchtuiError, match="has changed since the run began"):
        compare(run)


@pytest.mark.slow
def test_a_worker_that_is_killed_between_shards_is_resumed(tmp_path: Path, models: dict[str, Path]) -> None:
    texts = [GivenText("the quick brown fox", f" {TEXT} {n}") for n in range(300)]
    plan = plan_of({name: models[name] for name in ("base", "b")}, texts)
    whole, run = new_run(tmp_path / "whole", plan), new_run(tmp_path / "killed", plan)
    supervise(whole)
    supervising = threading.Thread(target=supervise, args=(run,))
    supervising.start()
    wait_for(run.path / "tokens" / "models" / "0" / "shard-0001.safetensors")
    started = [event for event in read_events(run.events) if isinstance(event, WorkerStarted)]
    os.kill(started[-1].pid, signal.SIGKILL)
    supervising.join()
    assert not (run.path / "tokens" / "models" / "1" / "model.json").exists(), "it was killed too late to tell"
    assert supervise(run) == "finished"
    assert files_of(run) == files_of(whole)


def process_of(run: RunDirectory) -> WorkerProcess:
    return WorkerProcess(StopFlag(), LibraryListener(Reporter(EventWriter(run.events))))


def supervise(run: RunDirectory) -> str:
    (done,) = Supervisor([run], SuperviseSettings(), Control()).supervise()
    return done.status


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)
