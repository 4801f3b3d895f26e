"""`python -m benchtui.worker`: what it says and how it exits where a run cannot be begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Failed
from tests.worker.instances import small_plan


def failed(run: RunDirectory) -> Failed:
    worker = [sys.executable, "-m", "benchtui.worker", str(run.path)]
    assert subprocess.run(worker, check=False, capture_output=True).returncode == 1
    *_, last = read_events(run.events)
    assert isinstance(last, Failed)
    return last


def test_a_run_of_a_kind_that_this_version_does_not_have_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    write_plan(run.plan_file, small_plan(tmp_path))
    plan = msgspec.json.decode(run.plan_file.read_bytes())
    run.plan_file.write_bytes(msgspec.json.encode(plan | {"kind": "dreams"}))
    told = failed(run)
    assert "a run of the kind dreams, which this version does not have" in told.message
    assert told.reason == "bad input"


def test_a_plan_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    write_plan(run.plan_file, small_plan(tmp_path))
    run.plan_file.write_text("{")
    assert str(run.plan_file) in failed(run).message
