"""What of a work unit is given out that may be decided early."""

from __future__ import annotations

from pathlib import Path

from benchtui.runs.chunks import Chunk, ChunkReader, WorkUnit
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.events import WorkUnits
from benchtui.supervise.schedule import OPEN_AT_ONCE, Schedule

LOOK = 24
UNITS = [WorkUnit("watched", 1000, LOOK), WorkUnit("whole", 40)]


class Workers:
    """Workers that answer at once what they are given."""

    def __init__(self, folder: Path, count: int, units: list[WorkUnit]) -> None:
        files = [WorkerFiles(folder / str(number), number) for number in range(count)]
        self.schedule = Schedule(files)
        self.readers = [ChunkReader(own.chunks) for own in files]
        self.given: list[Chunk] = []
        for number in range(count):
            self.schedule.begin(number)
        for number in range(count):
            self.schedule.ready(number, WorkUnits(units=units))

    def read(self) -> list[list[Chunk]]:
        found = [reader.read() for reader in self.readers]
        self.given += [chunk for chunks in found for chunk in chunks]
        return found

    def answer(self) -> None:
        for number, chunks in enumerate(self.read()):
            for chunk in chunks:
                self.schedule.done(number, chunk.number)

    def answer_all(self) -> None:
        while not all(reader.ended for reader in self.readers):
            self.answer()


def documents(chunks: list[Chunk], unit: str) -> list[int]:
    return sorted(place for chunk in chunks if chunk.unit == unit for place in range(chunk.start, chunk.stop))


def test_a_chunk_is_no_more_than_a_workers_part_of_a_look(tmp_path: Path) -> None:
    workers = Workers(tmp_path, 4, UNITS)
    workers.answer_all()
    assert max(chunk.size for chunk in workers.given if chunk.unit == "watched") == LOOK // 4
    assert documents(workers.given, "watched") == list(range(1000))
    assert documents(workers.given, "whole") == list(range(40))


def test_what_is_dropped_is_given_to_nobody_and_the_rest_is(tmp_path: Path) -> None:
    workers = Workers(tmp_path, 4, UNITS)
    workers.answer()
    workers.schedule.drop("watched")
    asked = documents(workers.given, "watched")
    assert len(asked) <= 2 * OPEN_AT_ONCE * LOOK
    taken_back = workers.read()
    assert all(chunk.unit == "watched" for chunks in taken_back for chunk in chunks)
    assert all(reader.dropped == {"watched"} for reader in workers.readers)
    for number, chunks in enumerate(taken_back):
        for chunk in chunks:  # a worker tells the end of these without asking anything
            workers.schedule.done(number, chunk.number)
    workers.answer_all()
    assert documents(workers.given, "whole") == list(range(40))
    assert workers.schedule.left == 0


def test_a_unit_that_is_decided_before_a_worker_is_ready_is_not_begun(tmp_path: Path) -> None:
    files = WorkerFiles(tmp_path / "0", 0)
    schedule, reader = Schedule([files]), ChunkReader(files.chunks)
    schedule.begin(0)
    schedule.drop("watched")
    schedule.ready(0, WorkUnits(units=UNITS))
    assert {chunk.unit for chunk in reader.read()} == {"whole"}


def test_what_a_slot_had_of_a_dropped_unit_is_not_asked_again(tmp_path: Path) -> None:
    workers = Workers(tmp_path, 2, UNITS)
    workers.schedule.drop("watched")
    workers.schedule.begin(0)  # its worker died: another one is told what the first one had
    assert {chunk.unit for chunk in ChunkReader(tmp_path / "0" / "chunks.jsonl").read()} <= {"whole"}
    workers.schedule.lose(1)
    workers.schedule.ready(0, WorkUnits(units=UNITS))
    reader = ChunkReader(tmp_path / "0" / "chunks.jsonl")
    found: list[Chunk] = []
    while not reader.ended:
        for chunk in reader.read():
            found.append(chunk)
            workers.schedule.done(0, chunk.number)
    assert documents(found, "watched") == []
    assert documents(found, "whole") == list(range(40))


def test_a_unit_of_which_all_is_needed_is_given_out_as_any_other(tmp_path: Path) -> None:
    for everything in (False, True):
        workers = Workers(tmp_path / str(everything), 4, UNITS)
        workers.schedule.need_all(None if everything else "watched")
        workers.answer_all()
        assert max(chunk.size for chunk in workers.given) > LOOK
        assert documents(workers.given, "watched") == list(range(1000))
