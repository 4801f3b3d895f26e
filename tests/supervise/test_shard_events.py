"""Events of several workers as those of one run: counts are sums, a sentence is told once, a part is not the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.runs import events as ev
from benchtui.runs.chunks import ChunkReader, WorkUnit
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress, Scores
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.live_score import LiveScore
from benchtui.supervise.schedule import Schedule
from benchtui.supervise.shard_events import ShardEvents
from tests.run_stories import make_run


class Told:
    """Two shards of a run, and what the run tells of them."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._writers = [ev.EventWriter(run.files_of(shard).events) for shard in (0, 1)]
        shards = [run.files_of(shard) for shard in (0, 1)]
        self.schedule = Schedule(shards)
        self.events = ShardEvents(shards, BENCHMARK, self.schedule)

    def chunks_of(self, shard: int) -> Path:
        return self._run.files_of(shard).chunks

    def tell(self, shard: int, *events: ev.Event) -> None:
        for event in events:
            self._writers[shard].emit(event)

    def __call__(self, shard: int, *events: ev.Event) -> list[ev.Event]:
        """What is new, without the rows of the workers (test_worker_rows.py)."""
        self.tell(shard, *events)
        return [event for event in self.events.rest() if not isinstance(event, ev.Workers)]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)}))


def progress(done: int) -> Progress:
    return Progress(
        task="arc",
        documents=done,
        documents_total=10,
        requests=4 * done,
        requests_total=40,
        documents_per_second=2.0,
    )


def counts(events: list[ev.Event]) -> list[tuple[int, int, int, float]]:
    found = [event for event in events if isinstance(event, Progress)]
    return [(event.documents, event.documents_total, event.requests, event.documents_per_second) for event in found]


def plan(answered: int = 0, requests: int = 40) -> Planned:
    return Planned(tasks=[PlannedTask("arc", 10, requests, answered, "multiple_choice")])


def test_counts_are_summed_over_the_workers_of_which_each_names_the_whole_task(told: Told) -> None:
    told(0, plan(answered=8))  # by the workers of before, which count as the first one's
    (planned,) = told(1, plan(requests=0))
    assert isinstance(planned, Planned)
    (task,) = planned.tasks
    assert (task.documents, task.requests, task.answered) == (10, 40, 8)
    assert counts(told(0, progress(3))) == [(3, 10, 12, 2.0)]
    assert counts(told(1, progress(1))) == [(4, 10, 16, 4.0)]
    assert counts(told(0, progress(6))) == [(7, 10, 28, 4.0)]
    assert counts(told(1, progress(4))) == [(10, 10, 40, 4.0)]


def test_a_worker_that_takes_the_place_of_another_is_not_counted_twice(told: Told) -> None:
    told(0, ev.WorkerStarted(pid=1), plan(), progress(3))
    told(1, ev.WorkerStarted(pid=2), plan(), progress(1))
    told(0, ev.WorkerStarted(pid=3, attempt=2), plan())
    assert counts(told(0, progress(4))) == [(5, 10, 20, 4.0)]


def test_signs_of_life_never_count_down(told: Told) -> None:
    def advanced(shard: int, *events: ev.Event) -> list[int]:
        return [event.done for event in told(shard, *events) if isinstance(event, ev.Advance)]

    assert advanced(0, ev.WorkerStarted(pid=1), ev.Advance(unit="tokens", done=100)) == [100]
    assert advanced(1, ev.WorkerStarted(pid=2), ev.Advance(unit="tokens", done=30)) == [130]
    assert advanced(0, ev.WorkerStarted(pid=3, attempt=2), ev.Advance(unit="tokens", done=5)) == [135]


def test_a_sentence_that_all_of_them_tell_is_told_once(told: Told) -> None:
    sentences = [
        ev.Phase(name="loading model", detail="m"),
        ev.Decision(what="dtype", choice="bfloat16"),
        ev.Warned(message="the tokenizer is odd"),
        ev.Log(level="warning", message="a library speaks"),
    ]
    assert [type(event) for event in told(0, *sentences)] == [type(event) for event in sentences]
    assert told(1, *sentences) == []
    assert told(1, ev.Decision(what="dtype", choice="float32")) != []


def test_of_a_replaced_worker_the_run_is_warned_and_its_attempts_are_not_the_runs(told: Told) -> None:
    first = told(0, ev.WorkerStarted(pid=1))
    assert [type(event) for event in first] == [ev.WorkerStarted]
    assert told(1, ev.WorkerStarted(pid=2)) == []
    ended = ev.WorkerEnded(exit_code=-11, reason="failed", detail="signal SIGSEGV")
    warnings = told(1, ended, ev.WorkerStarted(pid=3, attempt=2))
    assert [event.message for event in warnings if isinstance(event, ev.Warned)] == [
        "Worker 2 ended: failed (signal SIGSEGV).",
        "Worker 2 was started again; the others did not stop.",
    ]


def test_what_is_true_of_a_part_only_is_not_told_of_the_run(told: Told) -> None:
    parts = [
        ev.Watchdog(state="quiet", silent=60.0),
        ev.ShareDone(),
        ev.Done(status="finished"),
    ]
    assert told(0, *parts) == []


def test_the_score_of_a_part_is_never_the_final_one_of_the_run(told: Told) -> None:
    score = LiveScore("acc", "none", 0.5, None, 1, mean=True)
    (event,) = told(0, Scores(task="arc", scores=[score], final=True))
    assert isinstance(event, Scores)
    assert (event.scores, event.final) == ([score], False)


def test_documents_of_a_slot_that_is_lost_are_counted_by_whoever_answers_them_again(told: Told) -> None:
    told(0, ev.WorkerStarted(pid=1), plan(), progress(0), progress(2), ev.ChunkDone(number=1), progress(5))
    told(1, ev.WorkerStarted(pid=2), plan(), progress(0), progress(3))
    events = told(0, ev.Done(status="failed", message="its memory ran out"))
    assert counts(events)[0][0] == 5
    assert [event.message for event in events if isinstance(event, ev.Warned)] == [
        "Worker 1 of 2 is not replaced any more: its memory ran out"
    ]
    assert counts(told(1, progress(6)))[0][0] == 8


def test_documents_of_a_slot_that_was_stopped_stay_counted(told: Told) -> None:
    told(0, ev.WorkerStarted(pid=1), plan(), progress(0), progress(5))
    told(0, ev.Done(status="cancelled"))
    assert counts(told(1, progress(1)))[0][0] == 6


def test_sums_are_told_a_few_times_a_second_however_much_is_told(told: Told) -> None:
    told(0, ev.WorkerStarted(pid=1), plan())
    told.events.read()
    for done in range(8):
        told.tell(0, progress(done))
        assert counts(told.events.read()) == []
    assert [done for done, *_ in counts(told.events.rest())] == [7]


def test_how_far_all_of_them_have_loaded_is_of_what_all_of_them_load(told: Told) -> None:
    told(0, ev.Advance(unit="tensors", done=50, total=100))
    (event,) = told(1, ev.Advance(unit="tensors", done=30, total=100))
    assert isinstance(event, ev.Advance)
    assert (event.done, event.total) == (80, 200)


def test_documents_in_hand_are_those_of_all_workers(told: Told) -> None:
    told(0, ev.InFlight(task="arc", documents=[ev.InFlightDocument(1, "one")]))
    (event,) = told(1, ev.InFlight(task="arc", documents=[ev.InFlightDocument(2, "two")]))
    assert isinstance(event, ev.InFlight)
    assert [document.doc_id for document in event.documents] == [1, 2]


def test_what_a_worker_can_do_and_has_done_is_for_the_schedule(told: Told) -> None:
    for number in (0, 1):
        told.schedule.begin(number)
    units = ev.WorkUnits(units=[WorkUnit("arc", 10)], last=True)
    assert told(0, units) == [], "it is nothing to show"
    given = ChunkReader(told.chunks_of(0)).read()
    assert given
    left = told.schedule.left
    assert told(0, ev.ChunkDone(number=given[0].number)) == []
    assert told.schedule.left < left, "it is given more"
    assert told.schedule.waits(1) is False, "it did not say yet that it is ready"


def test_of_a_long_file_nothing_is_left_at_the_end(told: Told) -> None:
    lines = [ev.Warned(message=f"{number} " + 1000 * "x") for number in range(1500)]  # more than is read at a time
    warned = [event.message for event in told(0, *lines) if isinstance(event, ev.Warned)]
    assert len(warned) == 1000, "as many as there is room for"
    assert warned[-1] == "More warnings of the workers are in the folder run/shards of this run."


def test_many_log_lines_hide_no_warning(told: Told) -> None:
    told(0, *[ev.Log(level="info", message=str(number)) for number in range(1500)])
    (warned,) = [event for event in told(1, ev.Warned(message="true")) if isinstance(event, ev.Warned)]
    assert warned.message == "true"


def test_units_of_a_worker_that_has_ended_are_no_whole(told: Told) -> None:
    schedule = told.schedule
    schedule.begin(0)
    schedule.ready(0, ev.WorkUnits(units=[WorkUnit("a", 5)], last=False))
    schedule.begin(0)
    schedule.ready(0, ev.WorkUnits(units=[WorkUnit("b", 5)], start=1))  # read late: of the worker before
    assert schedule.left == 0
    schedule.ready(0, ev.WorkUnits(units=[WorkUnit("a", 5)], last=False))
    schedule.ready(0, ev.WorkUnits(units=[WorkUnit("b", 5)], start=1))
    chunks = ChunkReader(told.chunks_of(0)).read()
    assert {chunk.unit for chunk in chunks} <= {"a", "b"}
    assert schedule.left + sum(chunk.size for chunk in chunks) == 10
