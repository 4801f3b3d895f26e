"""The process that decides early for several workers: what it decides counts, and a run does without it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.plans.plan import write_plan
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.supervise import decider
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from tests.run_stories import make_run
from tests.runs.scripted import Script, said, supervise, worker
from tests.supervise.pooled import CHUNKED, TWO, answered, warnings

__all__ = ["worker"]

SLOWLY = "answer_chunks(run, each=lambda doc: time.sleep(0.2))"
UNTIL_DECIDED = """
def wait(doc):
    while doc >= 4 and not (run.path / "decided").exists():
        time.sleep(0.02)
    time.sleep(0.5 if doc >= 4 else 0)


answer_chunks(run, each=wait, look=2)
"""
TALKING = UNTIL_DECIDED.replace("time.sleep(0.02)", "plan(run); time.sleep(0.2)")
DECIDES = """
if "--decide" in arguments:
    with (run.path / "deciders").open("a") as file:
        file.write("x")
    tries = len((run.path / "deciders").read_text())
    writer = ev.EventWriter(run.decider.events)
    coming = ChunkReader(run.decider.chunks)

    def answered_by_all():
        found = set()
        for shard_files in run.shards():
            if shard_files.journal.exists():
                with Journal(shard_files.journal, read_only=True) as journal:
                    found |= {{key.doc_id for key in journal.answers("arc")}}
        return found

    {how}
"""
DROP = """
    while not answered_by_all():
        time.sleep(0.02)
    writer.emit(ev.UnitDecided(unit="arc", early=True))
    (run.path / "decided").touch()
    sys.exit(0)
"""


def deciding(how: str) -> str:
    return DECIDES.format(how=how.strip())


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    folder = tmp_path / "outputs" / "m" / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15"
    made = make_run(folder, leaves={"arc": ("arc",)})
    write_plan(made.plan_file, msgspec.structs.replace(made.plan(), decide_early=2.0))
    return made


def tries(run: RunDirectory) -> int:
    return len((run.path / "deciders").read_text())


def test_what_it_decides_is_asked_no_further(worker: Script, run: RunDirectory) -> None:
    worker.install(deciding(DROP), CHUNKED, UNTIL_DECIDED)
    supervise(run, settings=TWO)
    assert 0 < len(answered(run)) < 10
    assert warnings(run) == []


def test_one_that_dies_is_started_again(worker: Script, run: RunDirectory) -> None:
    worker.install(deciding("if tries == 1: sys.exit(1)" + DROP), CHUNKED, UNTIL_DECIDED)
    supervise(run, settings=TWO)
    assert tries(run) == 2
    assert len(answered(run)) < 10
    assert warnings(run) == []


@pytest.mark.parametrize(
    ("how", "deciders", "why"),
    [
        ("sys.exit(1)", 3, "ended: exit status 1"),
        (
            "writer.emit(ev.Failed(message='The base is gone.', reason='bad input')); sys.exit(1)",
            1,
            "ended: The base is",
        ),
    ],
)
def test_without_it_all_is_answered_and_that_is_said(
    worker: Script, run: RunDirectory, how: str, deciders: int, why: str
) -> None:
    worker.install(deciding(how), CHUNKED, SLOWLY)
    (done,) = supervise(run, settings=TWO)
    assert (done.status, tries(run)) == ("finished", deciders)
    assert answered(run) == set(range(10))
    (warned,) = warnings(run)
    assert warned.startswith(f"Nothing more is decided early: the process that decides {why}")


def test_one_that_waits_for_answers_is_not_silent(worker: Script, run: RunDirectory) -> None:
    worker.install(deciding("writer.emit(ev.Phase(name='evaluating')); time.sleep(3)" + DROP), CHUNKED, TALKING)
    supervise(run, settings=SuperviseSettings(workers=2, timeout=2.0, grace=0.5))
    assert tries(run) == 1


def test_one_that_is_silent_is_replaced(worker: Script, run: RunDirectory) -> None:
    worker.install(deciding("while tries == 1: time.sleep(1)" + DROP), CHUNKED, TALKING)
    supervise(run, settings=SuperviseSettings(workers=2, timeout=2.0, grace=0.5))
    assert tries(run) == 2
    assert len(answered(run)) < 10


def test_the_run_waits_for_what_its_answers_decide(worker: Script, run: RunDirectory) -> None:
    late = """
    while not coming.ended:
        coming.read()
        time.sleep(0.02)
    time.sleep(0.5)
    writer.emit(ev.Decision(what="decided early: arc", choice="better than the base"))
    sys.exit(0)
    """
    worker.install(deciding(late), CHUNKED, "answer_chunks(run)")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    assert [event.what for event in said(run, ev.Decision) if isinstance(event, ev.Decision)] == ["decided early: arc"]


def test_one_that_hangs_at_the_end_is_not_waited_for(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decider, "PATIENCE", 0.3)
    worker.install(deciding("time.sleep(1000)"), CHUNKED, "answer_chunks(run)")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    assert "the process that decides ended: no sign of life" in warnings(run)[-1]


def test_who_stops_the_run_does_not_wait_for_it(worker: Script, run: RunDirectory) -> None:
    worker.install(
        deciding("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"),
        CHUNKED,
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))",
        SLOWLY,
    )
    control = Control()

    def tick() -> None:
        if (run.path / "deciders").exists() and not control.stop_requested:
            control.request_stop()

    (done,) = supervise(run, settings=TWO, control=control, tick=tick)
    assert done.status == "cancelled"
