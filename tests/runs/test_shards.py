"""The journals of a run with several workers, gathered: nothing is lost, doubled or taken from elsewhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal import journal as module
from benchtui.runs.journal.journal import Journal, JournalMismatchError, RequestKey
from benchtui.runs.journal.shards import answered_in, gather_journals
from tests.run_stories import make_run


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})


def write(path: Path, answers: dict[int, str], fingerprint: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal(path) as journal:
        journal.bind({"fingerprint": fingerprint})
        journal.record_all((RequestKey("arc", doc, 0), "digest", answer) for doc, answer in answers.items())


def read(run: RunDirectory) -> dict[int, str]:
    with Journal(run.journal, read_only=True) as journal:
        found = {key.doc_id: answer for key, (_, answer) in journal.answers("arc").items()}
        assert journal.damaged == 0
    return found


@given(shards=st.lists(st.dictionaries(st.integers(0, 30), st.text(max_size=5)), max_size=5))
def test_whatever_several_workers_answered_is_in_the_run_afterwards(
    tmp_path_factory: pytest.TempPathFactory, shards: list[dict[int, str]]
) -> None:
    run = RunDirectory(tmp_path_factory.mktemp("run"))
    run.records.mkdir()
    for number, answers in enumerate(shards):
        write(run.files_of(number).journal, answers)
    assert answered_in(run) == sum(len(answers) for answers in shards)
    assert gather_journals(run) == []
    merged = {doc: answer for answers in shards for doc, answer in answers.items()}
    assert (read(run) if shards else {}) == merged
    assert answered_in(run) == len(merged)
    assert not any(files.journal.exists() for files in run.shards())
    assert gather_journals(run) == [], "once more changes nothing"
    assert answered_in(run) == len(merged)


def test_of_two_answers_the_later_one_counts(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 50.0, 200.0])
    monkeypatch.setattr(module.time, "time", lambda: next(now))
    write(run.journal, {1: "run", 2: "run"})
    write(run.files_of(0).journal, {1: "earlier"})
    write(run.files_of(1).journal, {2: "later"})
    gather_journals(run)
    assert read(run) == {1: "run", 2: "later"}


def test_notes_facts_and_documents_given_up_on_come_along(run: RunDirectory) -> None:
    facts = AnswerFacts(tokens=3)
    run.files_of(0).folder.mkdir(parents=True)
    with Journal(run.files_of(0).journal) as journal:
        journal.bind({"fingerprint": "x"})
        journal.record(RequestKey("arc", 1, 0), "digest", "yes", facts)
        journal.skip("arc", 7, "no sign of life")
        journal.note("data", {"arc": 10})
    gather_journals(run)
    with Journal(run.journal) as journal:
        assert journal.facts("arc") == {RequestKey("arc", 1, 0): facts}
        assert journal.skipped() == {("arc", 7): "no sign of life"}
        assert journal.noted("data") == {"arc": 10}


def test_a_damaged_answer_is_left_out(run: RunDirectory) -> None:
    write(run.files_of(0).journal, {1: "yes", 2: "no"})
    db = sqlite3.connect(run.files_of(0).journal)
    with db:
        db.execute("UPDATE answers SET answer = '\"maybe\"' WHERE doc_id = 2")
    db.close()
    gather_journals(run)
    assert read(run) == {1: "yes"}


def test_a_shard_of_other_settings_is_kept_where_it_is(run: RunDirectory) -> None:
    write(run.journal, {1: "yes"})
    write(run.files_of(0).journal, {2: "no"}, fingerprint="y")
    with pytest.raises(JournalMismatchError, match="shards/0"):
        gather_journals(run)
    assert read(run) == {1: "yes"}
    assert run.files_of(0).journal.is_file()


def test_what_does_not_fit_on_the_disk_stays_where_it_is(run: RunDirectory) -> None:
    """All of a shard or nothing of it: here SQLite is told that the file may not grow."""
    write(run.journal, {0: "x"})
    write(run.files_of(0).journal, dict.fromkeys(range(1, 200), "x" * 1000))
    with Journal(run.journal) as whole, Journal(run.files_of(0).journal) as part:
        whole._db.execute("PRAGMA max_page_count = 12")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            whole.add(part)
    assert read(run) == {0: "x"}
    gather_journals(run)
    assert len(read(run)) == 200


@pytest.mark.parametrize("gave_up", [0, 1])
def test_what_one_worker_gave_up_on_and_another_answered_is_answered(run: RunDirectory, gave_up: int) -> None:
    """A slot ends after it gave up on documents, and its chunk is given to another, whose worker has no trouble."""
    write(run.files_of(gave_up).journal, {1: "a"})
    write(run.files_of(1 - gave_up).journal, {2: "b", 3: "c"})
    with Journal(run.files_of(gave_up).journal) as journal:
        journal.skip("arc", 2, "signal SIGSEGV")
        journal.skip("arc", 4, "signal SIGSEGV")
    assert gather_journals(run) == []
    with Journal(run.journal) as journal:
        assert set(journal.skipped()) == {("arc", 4)}
    assert read(run) == {1: "a", 2: "b", 3: "c"}


def test_what_two_workers_gave_up_on_stays_so(run: RunDirectory) -> None:
    for number, answers in enumerate(({1: "a"}, {1: "b", 2: "c"})):
        write(run.files_of(number).journal, answers)
        with Journal(run.files_of(number).journal) as journal:
            journal.skip("arc", 2, "no sign of life for 5s")
    assert gather_journals(run) == []
    with Journal(run.journal) as journal:
        assert set(journal.skipped()) == {("arc", 2)}
