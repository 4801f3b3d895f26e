"""The journals of several workers, read while they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.followed import FollowedJournal
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.journal.of_shard import open_journal
from benchtui.runs.journal.shards import gather_journals
from tests.run_stories import make_run


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    found = make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})
    for number in range(2):
        found.files_of(number).folder.mkdir(parents=True)
    found.decider.folder.mkdir()
    return found


def shard(run: RunDirectory, number: int, *docs: int) -> None:
    with open_journal(run.files_of(number), run.files_of()) as journal:
        journal.bind({"fingerprint": "x"})
        journal.record_all((RequestKey("arc", doc, 0), "d", f"{doc} by {number}") for doc in docs)


def docs_in(journal: Journal, *docs: int) -> dict[int, str]:
    return {key.doc_id: answer for key, (_, answer) in journal.answers("arc", docs or None).items()}


def test_answers_are_found_as_they_come_in_whichever_journal(run: RunDirectory) -> None:
    with Journal(run.journal) as before:
        before.bind({"fingerprint": "x"})
        before.record(RequestKey("arc", 0, 0), "d", "before")
    with FollowedJournal(run) as followed:
        assert docs_in(followed) == {0: "before"}
        shard(run, 0, 1, 2)
        assert docs_in(followed, 0, 2, 9) == {0: "before", 2: "2 by 0"}
        shard(run, 1, 3)
        shard(run, 0, 4)
        assert sorted(docs_in(followed)) == [0, 1, 2, 3, 4]
        assert followed.count("arc") == 5
        assert followed.damaged == 0


def test_a_journal_that_is_not_bound_yet_is_read_once_it_is(run: RunDirectory) -> None:
    """Its checksums belong to what it is bound to: read before, its first answers would look damaged for ever."""
    with FollowedJournal(run) as followed, Journal(run.files_of(0).journal) as early:
        assert docs_in(followed) == {}
        early.bind({"fingerprint": "x"})
        early.record(RequestKey("arc", 1, 0), "d", "a")
        assert docs_in(followed) == {1: "a"}


def test_a_journal_that_another_file_took_the_place_of_is_opened_again(run: RunDirectory) -> None:
    with FollowedJournal(run) as followed:
        shard(run, 0, 1)
        assert docs_in(followed) == {1: "1 by 0"}
        for tail in ("", "-wal", "-shm"):
            run.files_of(0).journal.with_name(f"journal.sqlite{tail}").unlink(missing_ok=True)
        run.files_of(0).journal.with_name("other").touch()  # so that the next file has another number
        shard(run, 0, 2)
        assert docs_in(followed) == {2: "2 by 0"}


def test_what_any_worker_gave_up_on_is_given_up_on(run: RunDirectory) -> None:
    shard(run, 0, 1)
    shard(run, 1, 2)
    with FollowedJournal(run) as followed:
        assert followed.skipped("arc") == {}
        with Journal(run.files_of(1).journal) as part:
            part.skip("arc", 7, "silence")
        assert followed.skipped("arc") == {("arc", 7): "silence"}
        assert followed.skipped("other") == {}


def test_its_notes_are_the_last_word_when_all_is_gathered(run: RunDirectory) -> None:
    with Journal(run.journal) as before:
        before.bind({"fingerprint": "x"})
        before.note("arc decided early", {"n": 1})
    for number in range(2):
        shard(run, number, number)
        with Journal(run.files_of(number).journal) as part:
            part.note("arc decided early", None)
    with FollowedJournal(run) as followed:
        followed.bind({"fingerprint": "x"})
        assert followed.noted("arc decided early") is None, "what an earlier run decided is decided anew"
        followed.note("arc decided early", {"n": 24})
    gather_journals(run)
    with Journal(run.journal, read_only=True) as whole:
        assert whole.noted("arc decided early") == {"n": 24}
        assert whole.count() == 2
    assert not run.decider.journal.exists()
