"""What each worker does now, as a run tells it: true, seldom, and of a thousand workers only those worth showing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.runs import events as ev
from benchtui.runs.chunks import WorkUnit
from benchtui.runs.kinds.benchmark.events import Progress
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.workers import WorkerNow, worth_showing
from benchtui.supervise import worker_rows
from benchtui.supervise.schedule import Schedule
from benchtui.supervise.worker_rows import WorkerRows
from tests.run_stories import make_run


class Clock:
    """The seconds that a monotonic clock shows."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Rows:
    """Three workers, one of which has a device with a name."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        run = make_run(folder / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})
        self.clock = clock
        self.schedule = Schedule([run.files_of(shard) for shard in range(3)])
        self.rows = WorkerRows(self.schedule, BENCHMARK.working, ["", "GPU 1", ""])

    def __call__(self, number: int, *events: ev.Event) -> None:
        for event in events:
            self.rows.take(number, event)

    def now(self) -> list[WorkerNow]:
        """Return what is told a while later."""
        self.clock.now += worker_rows.COUNTED_EVERY
        event = self.rows.told()
        return event.workers if event is not None else []


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rows]:
    clock = Clock()
    monkeypatch.setattr(worker_rows, "time", clock)
    found = Rows(tmp_path, clock)
    yield found
    found.schedule.close()


def progress(t: float, documents: int, task: str = "arc") -> Progress:
    return Progress(t=t, task=task, documents=documents, documents_total=50, requests=0, requests_total=0)


def test_nothing_is_told_before_the_first_worker_begins(rows: Rows) -> None:
    rows(0, ev.WorkerStarted(pid=1))
    assert rows.now() == []
    rows(0, ev.Phase(name="starting"))
    assert [worker.doing for worker in rows.now()] == ["starting"] * 3


def test_a_worker_counts_what_was_answered_in_its_slot_and_how_fast(rows: Rows) -> None:
    rows(0, ev.WorkerStarted(pid=1), ev.Phase(name="evaluating", task="arc"))
    rows(0, progress(10.0, 20), progress(12.0, 30))  # twenty were answered before
    first = rows.now()[0]
    assert (first.doing, first.task, first.documents, first.rate) == ("evaluating", "arc", 10, 5.0)
    rows(0, ev.Phase(name="evaluating", task="boolq"), progress(13.0, 0, "boolq"), progress(14.0, 7, "boolq"))
    assert rows.now()[0].documents == 17


def test_one_that_is_replaced_keeps_what_its_slot_has_answered(rows: Rows) -> None:
    rows(1, ev.WorkerStarted(pid=1), ev.Phase(name="evaluating", task="arc"), progress(1.0, 0), progress(2.0, 8))
    rows(1, ev.WorkerEnded(exit_code=-9, reason="failed"), ev.WorkerStarted(pid=2, attempt=2))
    again = rows.now()[1]
    assert (again.doing, again.starts, again.documents, again.rate, again.where) == ("starting", 2, 8, None, "GPU 1")
    rows(1, ev.Phase(name="evaluating", task="arc"), progress(9.0, 8), progress(10.0, 11))
    assert rows.now()[1].documents == 11


def test_one_that_waits_for_the_others_is_neither_at_work_nor_silent(rows: Rows) -> None:
    units = ev.WorkUnits(units=[WorkUnit("arc", 1)])
    for number in (0, 1):
        rows.schedule.begin(number)
        rows(number, ev.Phase(name="evaluating", task="arc"))
        rows.schedule.ready(number, units)
    rows(1, ev.Watchdog(state="quiet", silent=60.0))
    first, second, _ = rows.now()
    assert first.doing == "evaluating"
    assert (second.doing, second.task, second.silent) == ("waiting", "", None)


def test_silence_is_told_until_work_moves_again(rows: Rows) -> None:
    rows(2, ev.Phase(name="evaluating", task="arc"), ev.Watchdog(state="quiet", silent=60.0))
    assert rows.now()[2].silent == 60.0
    rows(2, ev.Watchdog(state="alive again", silent=0.0))
    assert rows.now()[2].silent is None


@pytest.mark.parametrize(
    ("status", "doing"), [("finished", "done"), ("cancelled", "stopped"), ("failed", "failed"), ("timed out",) * 2]
)
def test_how_a_slot_ended_is_told(rows: Rows, status: str, doing: str) -> None:
    rows(0, ev.Phase(name="evaluating", task="arc"), ev.Done(status=status))  # type: ignore[arg-type]
    assert rows.now()[0].doing == doing


def test_a_change_is_told_soon_and_a_count_later(rows: Rows) -> None:
    rows(0, ev.Phase(name="evaluating", task="arc"), progress(1.0, 0))
    assert rows.now()
    rows(0, progress(2.0, 3))
    rows.clock.now += worker_rows.CHANGED_EVERY
    assert rows.rows.told() is None, "only a count"
    rows(1, ev.Phase(name="loading model"))
    event = rows.rows.told()
    assert event is not None
    assert event.counts == {"evaluating": 1, "loading model": 1, "starting": 1}
    rows(2, ev.Phase(name="loading model"))
    assert rows.rows.told() is None, "too soon"
    assert rows.rows.rest() is not None
    assert rows.rows.rest() is None, "nothing new"


def test_of_many_workers_those_are_shown_that_failed_are_silent_were_replaced_or_are_slow() -> None:
    workers = [WorkerNow(number, "evaluating", task="arc", rate=50.0 + number) for number in range(1000)]
    workers[700] = WorkerNow(700, "failed")
    workers[800] = WorkerNow(800, "evaluating", silent=90.0)
    workers[900] = WorkerNow(900, "evaluating", rate=70.0, starts=3)
    workers[950] = WorkerNow(950, "evaluating", rate=0.5)
    workers[960] = WorkerNow(960, "waiting")
    shown = [worker.number for worker in worth_showing(workers, 6)]
    assert shown == [0, 1, 700, 800, 900, 950]


def test_an_event_of_a_thousand_workers_is_small(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})
    schedule = Schedule([run.files_of(shard) for shard in range(1000)])
    rows = WorkerRows(schedule, BENCHMARK.working, [f"node-{number}" for number in range(1000)])
    for number in range(1000):
        rows.take(number, ev.Phase(name="evaluating", task="arc" * 20))
    event = rows.told()
    assert event is not None
    assert event.total == sum(event.counts.values()) == 1000
    assert len(ev.encode(event)) < 4000
