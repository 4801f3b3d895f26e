"""The document in hand: always the last one named, in a file that never grows."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.runs.in_hand import SIZE, InHand, InHandWriter, read_in_hand

texts = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=60, deadline=None)
@given(named=st.lists(st.tuples(texts, st.integers(0, 2**40), texts), min_size=1, max_size=5))
def test_the_last_one_named_is_read(
    tmp_path_factory: pytest.TempPathFactory, named: list[tuple[str, int, str]]
) -> None:
    path = tmp_path_factory.mktemp("in-hand") / "in-hand.json"
    writer = InHandWriter(path)
    assert read_in_hand(path) == InHand()
    for task, doc_id, line in named:
        writer.take(task, doc_id, line, "scoring its answer")
        assert path.stat().st_size == SIZE
    found = read_in_hand(path)
    if found.document is not None:  # text that takes more bytes than there is room names nothing rather than half
        assert (found.task, found.document.doc_id) == (named[-1][0][:200], named[-1][1])
        assert named[-1][2].startswith(found.document.first_line)
    else:
        assert len(named[-1][0].encode()) + len(named[-1][2].encode()) > 300
    writer.clear()
    assert read_in_hand(path) == InHand()
    writer.close()


@settings(max_examples=80, deadline=None)
@given(raw=st.binary(max_size=2000))
def test_nothing_is_in_hand_where_the_file_makes_no_sense(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("in-hand") / "in-hand.json"
    path.write_bytes(raw)
    read_in_hand(path)


def test_a_disk_that_fills_up_does_not_keep_the_name_from_being_written(tmp_path: Path) -> None:
    writer = InHandWriter(tmp_path / "in-hand.json")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, hard))
    try:
        writer.take("arc_easy", 7, "Which of these", "building its prompt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_in_hand(tmp_path / "in-hand.json").document is not None


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    assert read_in_hand(tmp_path / "in-hand.json") == InHand()
