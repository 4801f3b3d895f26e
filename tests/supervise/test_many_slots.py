"""What a pool costs its supervisor however many workers there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.runs import event_reader
from benchtui.runs import events as ev
from benchtui.runs.event_reader import EventReader
from benchtui.supervise.slot import LOOKS_A_SECOND, POLL, SLOWEST_POLL, seconds_between_looks


@given(workers=st.integers(1, 5000))
def test_all_slots_together_look_no_oftener_than_the_supervisor_has_time_for(workers: int) -> None:
    every = seconds_between_looks(workers)
    assert POLL <= every <= SLOWEST_POLL
    assert workers / every <= LOOKS_A_SECOND + 1e-9 or every == SLOWEST_POLL


def test_few_workers_are_looked_at_as_often_as_one() -> None:
    assert seconds_between_looks(1) == seconds_between_looks(8) == POLL


def test_a_file_that_did_not_grow_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "events.jsonl"
    writer, reader = ev.EventWriter(file), EventReader(file)
    writer.emit(ev.Log(level="info", message="one"))
    assert len(reader.read()) == 1
    with monkeypatch.context() as watched:
        watched.setattr(event_reader, "open_regular_file", lambda path: pytest.fail(f"{path} was opened"))
        assert reader.read() == []
    writer.emit(ev.Log(level="info", message="two"))
    assert [event.message for event in reader.read() if isinstance(event, ev.Log)] == ["two"]
    other = tmp_path / "other"
    other.write_bytes(file.read_bytes())
    other.replace(file)  # as long as the one that was read, and another file
    assert len(reader.read()) == 2
