"""The chunks of one shard: written by a supervisor, read by a worker while they are written."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.files import UnsafePlaceError
from benchtui.runs.chunks import Chunk, ChunkReader, ChunkWriter

ONE, TWO = Chunk(1, "arc", 0, 5), Chunk(2, "arc", 5, 7)


def test_a_worker_reads_what_is_new_until_the_end(tmp_path: Path) -> None:
    file = tmp_path / "shards" / "0" / "chunks.jsonl"
    reader = ChunkReader(file)
    assert reader.read() == [], "nobody wrote there yet"
    writer = ChunkWriter(file)
    writer.write(ONE)
    assert reader.read() == [ONE]
    assert reader.read() == []
    writer.write(TWO)
    writer.write(None)
    assert not reader.ended
    assert reader.read() == [TWO]
    assert reader.ended
    writer.close()


def test_a_chunk_has_as_many_documents_as_places() -> None:
    assert (ONE.size, TWO.size) == (5, 2)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_line_counts_when_it_is_whole(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    file = tmp_path_factory.mktemp("c") / "chunks.jsonl"
    chunks = [Chunk(number, f"task «{number}»", number, number + 3) for number in range(5)]
    data = b"".join(msgspec.json.encode(chunk) + b"\n" for chunk in [*chunks, None])
    reader, found, at = ChunkReader(file), [], 0
    for cut in [*cuts, len(data)]:
        with file.open("ab") as out:
            out.write(data[at : at + cut])
        at += cut
        found += reader.read()
    assert found == chunks
    assert reader.ended


def test_the_next_worker_finds_only_what_is_given_to_it(tmp_path: Path) -> None:
    file = tmp_path / "chunks.jsonl"
    first = ChunkWriter(file)
    first.write(ONE)
    first.write(None)
    old = ChunkReader(file)
    assert old.read() == [ONE]
    first.close()
    second = ChunkWriter(file)
    assert old.read() == [], "a worker that is gone by then, were it not, would be given nothing of it"
    second.write(TWO)
    new = ChunkReader(file)
    assert new.read() == [TWO]
    assert not new.ended
    second.close()


def test_a_file_that_no_supervisor_wrote_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "chunks.jsonl"
    file.write_text('{"number": 1}\n')
    with pytest.raises(msgspec.MsgspecError):
        ChunkReader(file).read()
    file.write_text("x" * 100_000 + "\n")
    with pytest.raises(msgspec.MsgspecError):
        ChunkReader(file).read()


def test_chunks_are_written_into_no_file_of_somebody_else(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "chunks.jsonl").symlink_to(other)
    with pytest.raises(UnsafePlaceError):
        ChunkWriter(tmp_path / "chunks.jsonl")
    assert other.read_text() == "mine"


def test_a_disk_that_fills_up_in_the_middle_of_a_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, write = ChunkWriter(tmp_path / "chunks.jsonl"), os.write
    room = iter([10])

    def nearly_full(descriptor: int, data: bytes) -> int:
        allowed = next(room, None)
        if allowed is None:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:allowed])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(OSError, match="No space left"):
        writer.write(ONE)
    assert ChunkReader(tmp_path / "chunks.jsonl").read() == []
    writer.close()
