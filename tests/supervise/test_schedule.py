"""Which worker answers which documents: every document is in one chunk, whatever happens to the workers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchtui.runs.chunks import Chunk, ChunkReader, WorkUnit
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.events import WorkUnits
from benchtui.supervise import schedule as scheduling
from benchtui.supervise.schedule import LARGEST, OPEN_AT_ONCE, SMALLEST, Schedule, Share, chunk_size


class Workers:
    """Workers that answer at once what they are told to, and read what they are given as real ones do."""

    def __init__(self, folder: Path, number: int, units: list[WorkUnit], largest: int = LARGEST) -> None:
        self.files = [WorkerFiles(folder / str(shard), shard) for shard in range(number)]
        self.schedule = Schedule(self.files, largest=largest)
        self.done: list[Chunk] = []
        self._units = units
        self._readers: dict[int, ChunkReader] = {}
        self._in_hand: dict[int, list[Chunk]] = {}
        self.ready: set[int] = set()
        self.lost: set[int] = set()
        self.unbegun_from: dict[int, int] = {}

    @property
    def alive(self) -> list[int]:
        return [shard for shard in range(len(self.files)) if shard not in self.lost]

    def begin(self, shard: int) -> None:
        """Start a worker in a slot, in place of the one before."""
        self.schedule.begin(shard)
        self.ready.discard(shard)
        self.unbegun_from[shard] = 0
        self._readers[shard], self._in_hand[shard] = ChunkReader(self.files[shard].chunks), []

    def say_ready(self, shard: int) -> None:
        self.schedule.ready(shard, WorkUnits(units=self._units[:1], last=len(self._units) <= 1))
        if len(self._units) > 1:
            self.schedule.ready(shard, WorkUnits(units=self._units[1:], start=1, last=True))
        self.ready.add(shard)

    def given(self, shard: int) -> list[Chunk]:
        """What the worker has in hand."""
        self._in_hand[shard] += self._readers[shard].read()
        return self._in_hand[shard]

    def ended(self, shard: int) -> bool:
        self.given(shard)
        return self._readers[shard].ended

    def answer(self, shard: int) -> None:
        """Answer the first chunk in hand."""
        chunk = self.given(shard).pop(0)
        self.done.append(chunk)
        self.schedule.done(shard, chunk.number)

    def begin_last(self, shard: int) -> None:
        """Begin the last chunk in hand while those before it are still being answered."""
        self.schedule.begun(shard, self.given(shard)[-1].number)
        self.unbegun_from[shard] = self.given(shard)[-1].number + 1

    def unbegun(self, shard: int) -> int:
        """How many chunks of its hand it has not begun, but for the first."""
        return sum(chunk.number >= self.unbegun_from.get(shard, 0) for chunk in self.given(shard)[1:])

    def lose(self, shard: int) -> None:
        self.schedule.lose(shard)
        self.lost.add(shard)
        self.ready.discard(shard)

    def finish(self) -> None:
        """All that are left start, and answer whatever they are given."""
        for shard in self.alive:
            if shard not in self.ready:
                self.begin(shard)
                self.say_ready(shard)
        while any(self.given(shard) for shard in self.alive):
            for shard in self.alive:
                if self.given(shard):
                    self.answer(shard)


def documents(chunks: list[Chunk]) -> Counter[tuple[str, int]]:
    return Counter((chunk.unit, place) for chunk in chunks for place in range(chunk.start, chunk.stop))


def whole(units: list[WorkUnit]) -> Counter[tuple[str, int]]:
    return Counter((unit.name, place) for unit in units for place in range(unit.size))


def named(sizes: list[int]) -> list[WorkUnit]:
    return [WorkUnit(f"u{number}", size) for number, size in enumerate(sizes)]


@given(
    workers=st.integers(1, 6),
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    largest=st.sampled_from([1, 7, LARGEST]),
    data=st.data(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_document_is_answered_in_one_chunk_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, workers: int, sizes: list[int], largest: int, data: st.DataObject
) -> None:
    units = named(sizes)
    story = Workers(tmp_path_factory.mktemp("s"), workers, units, largest)
    for what in data.draw(
        st.lists(st.sampled_from(["begin", "ready", "answer", "answer", "begin last", "lose"]), max_size=40)
    ):
        shard = data.draw(st.sampled_from(story.alive))
        if what == "begin":
            story.begin(shard)
        elif what == "ready" and shard not in story.ready:
            story.begin(shard)
            story.say_ready(shard)
        elif what == "answer" and shard in story.ready and story.given(shard):
            story.answer(shard)
        elif what == "begin last" and shard in story.ready and story.given(shard):
            story.begin_last(shard)
        elif what == "lose" and len(story.alive) > 1:
            story.lose(shard)
        assert all(story.unbegun(shard) < OPEN_AT_ONCE for shard in story.ready)
        assert not any(story.ended(shard) for shard in story.ready) or documents(story.done) == whole(units)
    story.finish()
    assert documents(story.done) == whole(units)
    assert story.schedule.left == 0
    for shard in story.alive:
        lines = story.files[shard].chunks.read_text().splitlines()
        assert lines.count("null") == 1, "the end is told once"
        assert lines[-1] == "null"
        assert not story.schedule.waits(shard)
    story.schedule.close()


@given(sizes=st.lists(st.integers(0, 60), min_size=1, max_size=5), data=st.data())
@settings(max_examples=60, deadline=None)
def test_of_a_unit_that_is_dropped_nothing_more_is_given(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    units = named(sizes)
    story = Workers(tmp_path_factory.mktemp("s"), 2, units, largest=5)
    dropped = data.draw(st.sampled_from([unit.name for unit in units]))
    for shard in (0, 1):
        story.begin(shard)
        if data.draw(st.booleans()):
            story.say_ready(shard)
    for shard in data.draw(st.lists(st.sampled_from([0, 1]), max_size=20)):
        if shard in story.ready and story.given(shard):
            story.answer(shard)
    in_hand = [chunk for shard in story.ready for chunk in story.given(shard)]
    story.schedule.drop(dropped)
    if data.draw(st.booleans()):
        story.lose(0)
    before = len(story.done)
    story.finish()
    assert [c for c in story.done[before:] if c.unit == dropped and c not in in_hand] == []
    found, wanted = documents(story.done), whole(units)
    assert {d: n for d, n in found.items() if d[0] != dropped} == {d: n for d, n in wanted.items() if d[0] != dropped}
    assert all(story.ended(shard) for shard in story.alive)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Workers]:
    story = Workers(tmp_path, 2, named([40, 10]))
    yield story
    story.schedule.close()


def test_a_worker_that_takes_the_place_of_another_is_given_the_same_chunks(two: Workers) -> None:
    for shard in (0, 1):
        two.begin(shard)
        two.say_ready(shard)
    had = list(two.given(0))
    assert len(had) == OPEN_AT_ONCE
    two.begin(0)
    assert two.given(0) == had, "before it is ready: it can begin with them at once"
    two.say_ready(0)
    assert two.given(0) == had


def test_what_a_slot_had_left_comes_after_all_else(two: Workers) -> None:
    """It may hold the document that ended the slot, and would end this one too."""
    for shard in (0, 1):
        two.begin(shard)
        two.say_ready(shard)
    left = list(two.given(0))
    two.lose(0)
    two.finish()
    assert two.done[-2:] == left[::-1], "at the very end what it was at work on"
    assert documents(two.done) == whole(named([40, 10]))


def test_one_that_comes_late_is_told_that_nothing_is_left(two: Workers) -> None:
    two.begin(0)
    two.say_ready(0)
    while two.given(0):
        two.answer(0)
    assert two.ended(0)
    two.begin(1)
    assert not two.ended(1)
    two.say_ready(1)
    assert two.ended(1)
    assert two.given(1) == []


def test_a_worker_waits_while_others_have_the_last_chunks(two: Workers) -> None:
    two.begin(0)
    two.begin(1)
    assert not two.schedule.waits(0), "it loads, and may hang there"
    two.say_ready(0)
    two.say_ready(1)
    assert not Share(two.schedule, 0).waits
    while two.given(0):
        two.answer(0)
    assert two.given(1)
    assert Share(two.schedule, 0).waits
    while two.given(1):
        two.answer(1)
    assert not Share(two.schedule, 0).waits, "it was told the end, and has to go"


def test_a_full_disk_ends_a_shard_and_what_it_had_goes_to_the_others(
    two: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.begin(0)
    two.begin(1)
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == two.files[0].chunks:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    two.say_ready(0)
    assert str(Share(two.schedule, 0).unwritable) == "[Errno 28] No space left on device"
    assert Share(two.schedule, 1).unwritable is None
    two.say_ready(1)
    two.lose(0)  # its slot ends for that
    two.finish()
    assert documents(two.done) == whole(named([40, 10]))


@given(st.integers(1, 10**6), st.integers(1, 1000), st.integers(1, 2000))
def test_chunks_are_large_at_first_and_small_at_the_end(left: int, workers: int, largest: int) -> None:
    size = chunk_size(left, workers, largest)
    assert 1 <= size <= min(left, largest)
    assert size * workers <= left + workers, "nobody is given more than its part"
    if left >= SMALLEST * workers and largest >= SMALLEST:
        assert size >= SMALLEST


def test_thirteen_documents_are_shared_by_four_three_by_five_and_one_by_two() -> None:
    assert chunk_size(13, 4) == 4
    assert chunk_size(3, 5) == chunk_size(1, 2) == 1


def test_large_and_small_chunks_are_few(tmp_path: Path) -> None:
    story = Workers(tmp_path, 4, named([20_000]))
    story.finish()
    sizes = [chunk.size for chunk in sorted(story.done, key=lambda chunk: chunk.number)]
    assert sizes[0] == scheduling.LARGEST
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) < 100
    assert sizes[-1] <= SMALLEST


def test_whoever_needs_the_next_chunk_early_is_given_one_more(tmp_path: Path) -> None:
    """Its batches hold the last documents of one chunk and the first of the next: nothing waits behind those."""
    story = Workers(tmp_path, 2, [WorkUnit("arc", 400)])
    for shard in (0, 1):
        story.begin(shard)
        story.say_ready(shard)
    first, second = story.given(0)
    story.schedule.begun(0, second.number)
    *_, third = story.given(0)
    assert [chunk.number for chunk in story.given(0)] == [first.number, second.number, third.number]
    story.schedule.begun(0, second.number)
    story.schedule.begun(0, 99)
    assert len(story.given(0)) == 3, "it has one more already"
    story.answer(0)
    assert len(story.given(0)) == 2, "the second is the one that it answers"
    story.lose(0)
    *_, last = story.schedule._returned
    assert last == second, "one that was being answered may hold the document that ended the slot"
    story.finish()
    assert documents(story.done) == whole([WorkUnit("arc", 400)])
