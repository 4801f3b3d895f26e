"""Where the chunks of several workers end: at the same documents for all of them, whatever one of them gave up on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchtui.runs.chunks import Chunk
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.journal.journal import Journal
from benchtui.runs.journal.of_shard import ShardJournal
from benchtui.worker.benchmark.asked_task import AskedTask
from benchtui.worker.benchmark.share import _DocumentOrder, _starts

PASSAGE = "Read this passage about rivers and stones. " * 3
PROMPTS = {0: "one", 1: PASSAGE + "a", 2: PASSAGE + "b", 3: PASSAGE + "c", 4: PASSAGE + "d", 5: "two", 6: "three"}


def starts(journal: Journal, given_up: frozenset[int] = frozenset()) -> list[int]:
    """As a worker finds them that lacks the prompts of the documents given up on."""
    prompts = {doc: prompt for doc, prompt in PROMPTS.items() if doc not in given_up}
    task: Any = SimpleNamespace(
        context=SimpleNamespace(journal=journal), loaded=SimpleNamespace(name="arc"), prompts=lambda: prompts
    )
    return _starts(cast("AskedTask", task), len(PROMPTS))


@pytest.mark.parametrize("given_up", [{2}, {1, 3}, {4, 5}, set(PROMPTS)])
def test_a_worker_that_lacks_prompts_ends_chunks_where_the_others_do(tmp_path: Path, given_up: set[int]) -> None:
    with Journal(tmp_path / "of this slot") as own, Journal(tmp_path / "of another") as other:
        assert starts(own) == [0, 1, 5, 6]
        again, beside = starts(own, frozenset(given_up)), starts(other)
        assert again == beside == [0, 1, 5, 6]
        order = [("arc", doc) for doc in range(len(PROMPTS))]
        for middle in range(len(PROMPTS)):
            first = _DocumentOrder(order, again).of(Chunk(1, "arc", 0, middle)).get("arc", frozenset())
            second = _DocumentOrder(order, beside).of(Chunk(2, "arc", middle, 7)).get("arc", frozenset())
            assert (first | second, first & second) == (set(range(7)), frozenset())


def test_what_was_found_before_a_resume_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "whole") as journal:
        starts(journal)
    before = Journal(tmp_path / "whole", read_only=True)
    with ShardJournal(WorkerFiles(tmp_path, shard=1), before) as journal:
        assert starts(journal, frozenset({2})) == [0, 1, 5, 6]


@pytest.mark.parametrize("nonsense", ["x", 7, {"a": 1}, [[1], "b", -3, 0, 99, 2.5]])
def test_a_journal_from_a_stranger_loses_no_document(tmp_path: Path, nonsense: Any) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.note("documents of arc kept with the one before", nonsense)
        found = starts(journal)
    order = [("arc", doc) for doc in range(len(PROMPTS))]
    asked = _DocumentOrder(order, found).of(Chunk(1, "arc", 0, 7))["arc"]
    assert asked == set(range(7))
