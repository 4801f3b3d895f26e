"""Records of who runs what: processes told apart, damaged records passed over, cut results noticed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from benchtui.runs import records
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import (
    DoneRecord,
    LaunchRecord,
    Process,
    read_done,
    read_launch,
    run_state,
    this_process,
    write_record,
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "base")


def launched(run: RunDirectory, process: Process) -> None:
    write_record(run.launch, LaunchRecord(process, time.time(), "bench"))


def test_this_process_is_alive_and_another_with_its_number_is_not() -> None:
    me = this_process()
    assert me.alive()
    assert str(os.getpid()) in me.where
    assert not msgspec.structs.replace(me, started=me.started - 60).alive(), "the number was used before"
    if me.boot:
        assert not msgspec.structs.replace(me, boot="another boot").alive()
    assert msgspec.structs.replace(me, host="elsewhere", started=0.0).alive(), "nobody here can know"


def test_a_process_that_ended_or_is_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = records._started(child.pid)
    assert started is not None
    process = msgspec.structs.replace(this_process(), pid=child.pid, started=started)
    assert process.alive()
    child.kill()
    deadline = time.monotonic() + 10
    while process.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process.alive(), "a zombie supervises nothing"
    child.wait()
    assert not process.alive()


def test_a_clock_set_back_makes_no_process_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells the start of a process against its own boot; only psutil turns that into a time of day."""
    me = this_process()
    if not me.boot:
        pytest.skip("not Linux")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert me.alive()
    assert this_process() == me


def test_states(run: RunDirectory) -> None:
    assert run_state(run) == "waiting"
    me = this_process()
    launched(run, me)
    assert run_state(run) == "running"
    launched(run, msgspec.structs.replace(me, started=me.started - 60))
    assert run_state(run) == "died"
    write_record(run.done, DoneRecord("timed out", "No sign of life.", time.time()))
    assert run_state(run) == "timed out"


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"status":"superb","message":"","t":1}', b"\xff\xfe" * 500])
def test_damaged_records_count_as_none(run: RunDirectory, garbage: bytes) -> None:
    run.records.mkdir(parents=True)
    run.done.write_bytes(garbage)
    run.launch.write_bytes(garbage)
    assert read_done(run) is None
    assert read_launch(run) is None
    assert run_state(run) == "waiting"


def test_results_that_were_cut_or_lost_make_a_run_resumable_again(run: RunDirectory) -> None:
    launched(run, msgspec.structs.replace(this_process(), started=0.0))
    run.lm_eval.mkdir()
    results = run.lm_eval / "results_2026-11-20T10-30-15.000001.json"
    content = '{"results": {"arc_easy": {"acc,none": 0.5}}}'
    results.write_text(content)
    done = DoneRecord("finished", "", time.time(), results=results.name, results_bytes=len(content))
    write_record(run.done, done)
    assert run_state(run) == "finished"
    results.write_text(content.replace("0.5", "0.50"))
    assert run_state(run) == "finished", "somebody wrote it anew, and it is whole"
    results.write_text(content[:20])
    assert run_state(run) == "died"
    results.unlink()
    assert run_state(run) == "died"
