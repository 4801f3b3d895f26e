"""A sweep of two really trained models: what it computes, what it writes, how it is resumed, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import write_plan
from benchtui.routing.sweeps.records import SWEEP, SweptTask, read_sweep
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Decision, Results, Warned
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.kinds.sweep.events import Swept
from benchtui.worker.answering.hf.growing_batch import TextRows
from benchtui.worker.answering.protocol import BatchTooLargeError
from benchtui.worker.benchmark import session as benchmark
from benchtui.worker.guard import StopRequested
from benchtui.worker.sweep import session
from benchtui.worker.sweep.task import SweepTask
from tests.worker.sweep.runs import CHOICES, TEXTS, counted_passes, do, make_run, process

pytestmark = pytest.mark.slow

MANY = ",".join(f"{number / 40:g}" for number in range(1, 40))


def test_each_model_computes_as_much_for_one_threshold_as_for_forty(tmp_path: Path) -> None:
    taken = {}
    for thresholds in ("0.5", MANY):
        with counted_passes() as seen:
            found = do(make_run(tmp_path / str(len(thresholds)), CHOICES, thresholds=thresholds))
        taken[len(found.tasks[0].thresholds)] = {width: (len(passes), sum(passes)) for width, passes in seen.items()}
    assert taken[1] == taken[39]
    # All requests fit into the last pass; those before try out what a model's cache can do.
    assert f"{sum(passes[-1] for passes in seen.values()):,} positions together" in found.notes[-1]


def test_what_is_written_is_what_the_events_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, CHOICES, TEXTS, thresholds="0.4,p60")
    found = do(run)
    kind, plan = read_kind(run)
    assert (kind.name, kind.about(plan).weights) == ("sweep", "islands-80k + islands-400k")
    assert (found.small, found.large, found.strategy) == ("islands-80k", "islands-400k", "uncertainty")
    events = list(read_events(run.events))
    fold = kind.fold()
    fold.know(plan)
    for event in events:
        fold.apply(event)
    assert fold.planned
    view = fold.view()
    assert [(row.name, row.state, row.documents) for row in view.rows] == [(CHOICES, "done", 10), (TEXTS, "done", 10)]
    assert (view.counts.documents, view.counts.total) == (20, 20)
    stages = [(event.task, event.stage) for event in events if isinstance(event, Swept)]
    assert list(dict.fromkeys(stages)) == [
        (CHOICES, "small"), (CHOICES, "large"), (TEXTS, "thresholds"), (TEXTS, "texts"),
    ]  # fmt: skip
    (ended,) = [event for event in events if isinstance(event, Results)]
    assert (ended.file, ended.partial) == (SWEEP, False)
    (said,) = [event for event in events if isinstance(event, Decision) and "thresholds of" in event.what]
    assert said.choice == ", ".join(f"{each.value:.4g}" for each in found.tasks[1].thresholds)
    assert [task.answers for task in found.tasks] == ["choices", "texts"]
    assert [task.likelihoods for task in found.tasks] == ["by token mixture", ""]
    for task in found.tasks:
        assert_large_work_falls(task)


def test_texts_alone_say_nothing_of_log_likelihoods(tmp_path: Path) -> None:
    found = do(make_run(tmp_path, TEXTS, thresholds="0.4"))
    assert not any("token mixture" in note for note in found.notes)


def assert_large_work_falls(task: SweptTask) -> None:
    """As thresholds decrease, the large model does more; alone it does most."""
    amounts = [sum(each["tokens"]) for each in task.large]
    assert amounts == sorted(amounts)
    assert 0 < amounts[0] <= amounts[-1] <= sum(task.large_alone["tokens"])


@pytest.mark.parametrize("after", [1, 2, 5])
@pytest.mark.parametrize("written", [False, True])
def test_ended_anywhere_it_is_resumed_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, written: bool
) -> None:
    whole = do(make_run(tmp_path / "whole", TEXTS, CHOICES))
    run = make_run(tmp_path / "ended", TEXTS, CHOICES)
    with monkeypatch.context() as patched:
        end_after(patched, after, written=written)
        with pytest.raises(KilledError):
            do(run)
    with counted_passes() as seen:
        resumed = do(run)
    assert msgspec.structs.replace(resumed, notes=()) == msgspec.structs.replace(whole, notes=())
    with counted_passes() as again:
        assert do(run) == resumed
    assert sum(map(len, seen.values())) > 0
    assert not sum(map(len, again.values())), "nothing is computed again"


class KilledError(Exception):
    """As if the process had been killed."""


def end_after(monkeypatch: pytest.MonkeyPatch, count: int, *, written: bool) -> None:
    original, calls = SweepTask.record, [0]

    def record(self: SweepTask, *arguments: Any) -> None:
        calls[0] += 1
        if calls[0] == count and not written:
            raise KilledError
        original(self, *arguments)
        if calls[0] == count:
            raise KilledError

    monkeypatch.setattr(SweepTask, "record", record)


def test_told_to_stop_it_writes_what_is_complete_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, TEXTS, CHOICES, thresholds="0.3,0.6")
    worker = process(run)
    original, calls = SweepTask.record, [0]

    def record(self: SweepTask, *arguments: Any) -> None:
        original(self, *arguments)
        calls[0] += 1
        worker.stop.requested = worker.stop.requested or calls[0] == 4

    monkeypatch.setattr(SweepTask, "record", record)
    with pytest.raises(StopRequested):
        session.work(worker, [run])
    partial = read_sweep(run.path)
    (task,) = partial.tasks
    assert task.task == TEXTS
    assert 4 <= len(task.doc_ids) < 10, "what the same step completed is kept too"
    (ended,) = [event for event in read_events(run.events) if isinstance(event, Results)]
    assert ended.partial
    monkeypatch.undo()
    (run.path / SWEEP).unlink()
    session.score(process(run), [run])
    assert read_sweep(run.path).tasks == partial.tasks


def test_where_memory_runs_out_fewer_texts_are_written_at_once_and_what_is_complete_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = do(make_run(tmp_path / "whole", TEXTS))
    run = make_run(tmp_path / "short", TEXTS)
    original, rows, written = TextRows.step, [], [0]

    def step(self: TextRows, growths: Any) -> Any:
        if written[0] and (not rows or (len(rows) < 2 and self.rows < rows[-1])):
            rows.append(self.rows)
            raise BatchTooLargeError("no room")
        return original(self, growths)

    def record(self: SweepTask, *arguments: Any) -> None:
        kept(self, *arguments)
        written[0] += 1

    kept = SweepTask.record
    monkeypatch.setattr(TextRows, "step", step)
    monkeypatch.setattr(SweepTask, "record", record)
    found = do(run)
    assert msgspec.structs.replace(found, notes=()) == msgspec.structs.replace(whole, notes=())
    assert len(rows) == 2
    assert rows[0] > rows[1]
    assert written[0] == 1 + 10, "thresholds once, and each document once"
    said = [event for event in read_events(run.events) if isinstance(event, Decision) and event.what == "texts at once"]
    assert [event.choice for event in said] == ["fewer"], "told once"


def test_one_evaluation_of_each_model_takes_as_many_passes(tmp_path: Path) -> None:
    """What `benchtui run` computes for either model alone."""
    run = make_run(tmp_path / "swept", CHOICES, thresholds=MANY, limit=20)
    with counted_passes() as swept:
        do(run)
    for side in ("small", "large"):
        plan = read_kind(run)[1]
        alone = RunDirectory(tmp_path / side)
        with counted_passes() as seen:
            benchmark.work(_planned(alone, plan, side), [alone])
        (width,) = seen
        assert (len(seen[width]), sum(seen[width])) == (len(swept[width]), sum(swept[width]))


def _planned(run: RunDirectory, plan: Any, side: str) -> Any:
    """A run of one of the two models alone."""
    part = getattr(plan.source, side)
    fields = {field.name: getattr(plan, field.name) for field in msgspec.structs.fields(BenchmarkPlan)}
    own = {
        "kind": "benchmark",
        "backend": part.backend,
        "source": part.source,
        "backend_settings": part.backend_settings,
    }
    write_plan(run.plan_file, BenchmarkPlan(**fields | own))
    return process(run)


def test_another_prompt_than_was_answered_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, CHOICES, thresholds="0.5")
    do(run)
    with Journal(run.journal) as journal:
        (key, (_, answer)), *_ = journal.answers(CHOICES).items()
        journal.record(key, "0" * 24, answer)
    with pytest.raises(BenchtuiError, match="answers a different prompt"):
        do(run)


@pytest.mark.parametrize(
    ("tasks", "own", "words"),
    [
        ((TEXTS,), {"strategy": "switch"}, "have nothing in common that a sweep could share"),
        ((TEXTS,), {"strategy": "logtoku"}, "needs raw logits"),
        ((CHOICES,), {"strategy": "defer"}, "two finished runs tell every threshold"),
        ((CHOICES,), {"strategy": "speculative"}, "goes by no threshold"),
    ],
)
def test_what_cannot_be_swept_is_refused_by_name_before_a_model_is_loaded(
    tmp_path: Path, tasks: tuple[str, ...], own: dict[str, str], words: str
) -> None:
    with counted_passes() as seen, pytest.raises(BenchtuiError, match=words):
        do(make_run(tmp_path, *tasks, **own))
    assert not seen


def test_nothing_complete_is_said_and_no_file_written(tmp_path: Path) -> None:
    run = make_run(tmp_path, TEXTS)
    session.score(process(run), [run])
    assert not (run.path / SWEEP).exists()
    assert any("nothing to score" in event.message for event in read_events(run.events) if isinstance(event, Warned))
