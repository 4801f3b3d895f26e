"""Events: whatever is in the file, a reader gives the whole ones in order, and stays small."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.files import no_room
from benchtui.runs import events as ev
from benchtui.runs.event_reader import EventReader, read_events

texts = st.text(max_size=200)
events = st.one_of(
    st.builds(ev.Log, t=st.floats(1, 2e9), level=st.sampled_from(["info", "error"]), message=texts),
    st.builds(ev.Advance, t=st.floats(1, 2e9), unit=st.sampled_from(["bytes", "tokens"]), done=st.integers(0, 2**60)),
    st.builds(ev.Warned, t=st.floats(1, 2e9), message=texts, next_step=texts),
    st.builds(
        ev.InFlight,
        t=st.floats(1, 2e9),
        task=texts,
        documents=st.lists(st.builds(ev.InFlightDocument, st.integers(0, 2**40), texts), max_size=4),
    ),
    st.builds(ev.WorkerEnded, t=st.floats(1, 2e9), exit_code=st.integers(-64, 255), reason=texts),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "events.jsonl"


@settings(max_examples=60, deadline=None)
@given(events=st.lists(events, max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, events: list[ev.Event]) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    writer = ev.EventWriter(path)
    for event in events:
        writer.emit(event)
    writer.close()
    assert read_events(path) == events


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=3000))
def test_no_bytes_can_break_a_reader(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_bytes(raw)
    read_events(path)
    writer = ev.EventWriter(path)
    event = ev.Warned(t=5.0, message="after the garbage")
    writer.emit(event)
    writer.close()
    assert read_events(path)[-1] == event


@settings(max_examples=80, deadline=None)
@given(events=st.lists(events, min_size=1, max_size=6), cuts=st.lists(st.integers(0, 5000), max_size=6))
def test_a_file_that_grows_in_pieces_gives_the_same_events(
    tmp_path_factory: pytest.TempPathFactory, events: list[ev.Event], cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    raw = b"".join(map(ev.encode, events))
    reader, found, before = EventReader(path), [], 0
    for cut in [*sorted(min(cut, len(raw)) for cut in cuts), len(raw)]:
        with path.open("ab") as file:
            file.write(raw[before:cut])
        before = cut
        found += reader.read()
    assert found == events
    assert reader.skipped == 0


@settings(max_examples=80, deadline=None)
@given(events=st.lists(events, min_size=1, max_size=6), cut=st.integers(0, 5000))
def test_a_torn_tail_costs_its_own_line_only(
    tmp_path_factory: pytest.TempPathFactory, events: list[ev.Event], cut: int
) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    lines = [ev.encode(event) for event in events]
    raw = b"".join(lines)
    kept = raw[: min(cut, len(raw))]
    path.write_bytes(kept)
    whole = kept.count(b"\n")
    writer = ev.EventWriter(path)
    after = ev.Log(t=7.0, level="info", message="resumed")
    writer.emit(after)
    writer.close()
    found = read_events(path)
    # A line torn exactly before its newline is whole.
    assert found in ([*events[:whole], after], [*events[: whole + 1], after])


def test_a_huge_event_is_replaced_by_a_word_about_it(path: Path) -> None:
    writer = ev.EventWriter(path)
    writer.emit(ev.Log(level="info", message="x" * 1_000_000))
    (found,) = read_events(path)
    assert isinstance(found, ev.Log)
    assert "dropped" in found.message
    assert path.stat().st_size < ev.MAX_LINE


@pytest.mark.parametrize(
    "line", [b"[" * 60_000, b'{"event":"log","x":' + b'{"a":' * 12_000, b"\xff" * 999, b"null", b"{}"]
)
def test_lines_made_to_break_a_parser(path: Path, line: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(line + b"\n" + ev.encode(ev.Done(t=2.0, status="finished")))
    reader = EventReader(path)
    assert [event.t for event in reader.read()] == [2.0]
    assert reader.skipped == 1


def test_lines_of_50_megabytes_do_not_fill_memory(path: Path) -> None:
    path.parent.mkdir()
    with path.open("wb") as file:
        for _ in range(3):
            file.write(b"z" * 50_000_000 + b"\n")
        file.write(ev.encode(ev.Log(t=1.0, level="info", message="after")))
    script = textwrap.dedent(
        """
        import pathlib, resource, sys
        from benchtui.runs.event_reader import read_events, EventReader
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reader, found = EventReader(pathlib.Path(sys.argv[1])), []
        for _ in range(400):
            found += reader.read()
        print(len(found), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    found, kibibytes = map(int, done.stdout.split())
    assert found == 1
    assert kibibytes < 30_000


def _write(path: Path, name: str) -> None:
    writer = ev.EventWriter(path)
    for number in range(400):
        writer.emit(ev.Log(level="info", message=f"{name} {number} " + "w" * (number % 300)))


def test_two_writers_never_mix_their_lines(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, name)) for name in ("worker", "supervisor")]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
    messages = [event.message for event in read_events(path) if isinstance(event, ev.Log)]
    assert len(messages) == 800
    for name in ("worker", "supervisor"):
        numbers = [int(message.split()[1]) for message in messages if message.startswith(name)]
        assert numbers == list(range(400))


def test_a_file_that_was_replaced_is_read_from_its_start(path: Path) -> None:
    writer = ev.EventWriter(path)
    writer.emit(ev.Log(t=1.0, level="info", message="old " * 50))
    reader = EventReader(path)
    assert len(reader.read()) == 1
    path.unlink()
    assert reader.read() == []
    again = ev.EventWriter(path)
    again.emit(ev.Log(t=2.0, level="info", message="new"))
    assert [event.t for event in reader.read()] == [2.0]


def _write_for_ever(writer: ev.EventWriter) -> None:
    while True:
        writer.emit(ev.Log(t=1.0, level="info", message="x" * 333))


def test_a_full_disk_leaves_whole_lines_and_goes_on_when_there_is_room(path: Path) -> None:
    writer = ev.EventWriter(path)
    limit = 20_000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match="large") as caught:
            _write_for_ever(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert no_room(caught.value)
    written = len(read_events(path))
    assert written > 40
    writer.emit(ev.Log(t=1.5, level="info", message="room for the same writer"))
    assert len(read_events(path)) == written + 1
    again = ev.EventWriter(path)
    again.emit(ev.Log(t=2.0, level="info", message="there is room again"))
    assert len(read_events(path)) == written + 2


def test_events_carry_the_time_they_were_written(path: Path) -> None:
    before = time.time()
    ev.EventWriter(path).emit(ev.Done(status="finished"))
    (found,) = read_events(path)
    assert before <= found.t <= time.time()


def test_events_of_a_newer_version_are_passed_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"event":"hologram","t":1}\n' + ev.encode(ev.Done(t=2.0, status="finished")))
    reader = EventReader(path)
    assert [event.t for event in reader.read()] == [2.0]
    assert reader.skipped == 1


def test_the_writers_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "events.jsonl"
    ev.EventWriter(path).emit(ev.Done(status="failed"))
    assert path.exists()
    assert os.stat(path).st_size  # noqa: PTH116
