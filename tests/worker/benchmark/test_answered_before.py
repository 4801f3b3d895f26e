"""What a run's journal holds from before a resume, as each of several workers sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.journal.journal import Journal
from benchtui.runs.journal.of_shard import ShardJournal
from benchtui.worker.benchmark.answers.requests import TaskRequests
from tests.worker.benchmark.test_requests import instances


def answered_before(path: Path) -> None:
    """A journal with the answers to two of four documents."""
    with Journal(path) as journal:
        before = TaskRequests("task", instances(), journal, lambda _: None)
        for instance in before.pending(frozenset({0, 2})):
            before.add_partial("loglikelihood", instance.args, (-1.0, False))
        before.keep()


def of_shard(folder: Path, shard: int) -> ShardJournal:
    files = WorkerFiles(folder / str(shard), shard)
    files.folder.mkdir()
    return ShardJournal(files, Journal(folder / "journal.sqlite", read_only=True))


def test_of_several_workers_the_first_counts_what_was_answered_before_and_no_other_asks_it(tmp_path: Path) -> None:
    answered_before(tmp_path / "journal.sqlite")
    asked = []
    for shard in (0, 1, 2):
        with of_shard(tmp_path, shard) as own:
            requests = TaskRequests("task", instances(), own, lambda _: None)
            requests.restore()
            asked.append(({i.doc_id for i in requests.pending()}, requests.answered))
    assert asked == [({1, 3}, 4), ({1, 3}, 0), ({1, 3}, 0)]


def test_every_worker_notices_that_a_prompt_answered_before_is_another_now(tmp_path: Path) -> None:
    answered_before(tmp_path / "journal.sqlite")
    for shard in (0, 1):
        with of_shard(tmp_path, shard) as own:
            requests = TaskRequests("task", instances(text="another prompt"), own, lambda _: None)
            with pytest.raises(BenchtuiError, match="a different prompt"):
                requests.restore()
