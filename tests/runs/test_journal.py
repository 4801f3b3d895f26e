"""The journal: what was recorded is there, whole and right, whatever happens to the process or the file."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.files import no_room
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.journal.journal import Journal, JournalMismatchError, RequestKey, answered_requests, request_digest

FACTS = {"fingerprint": "abc"}
TASK = "arc_easy"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)
# SQLite's text cannot hold a lone surrogate; task names come from YAML, which cannot either.
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
keys = st.builds(RequestKey, names, st.integers(0, 2**40), st.integers(0, 100), st.integers(0, 50))


def fill(path: Path, batches: int = 20, size: int = 4) -> dict[RequestKey, tuple[str, Any]]:
    """A journal left open by a process that is gone, and what it holds."""
    journal = Journal(path)
    journal.bind(FACTS)
    kept: dict[RequestKey, tuple[str, Any]] = {}
    for batch in range(batches):
        answers = [
            (RequestKey(TASK, size * batch + i, 0), f"digest{i}", [-float(batch), "long answer " * (batch * 31 % 250)])
            for i in range(size)
        ]
        journal.record_all(answers)
        kept |= {key: (request, answer) for key, request, answer in answers}
    gone = path.with_name("gone")
    gone.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, gone)
    journal.close()
    shutil.rmtree(path.parent / "left", ignore_errors=True)
    gone.rename(path.parent / "left")
    return kept


@settings(max_examples=40, deadline=None)
@given(answers=st.dictionaries(keys, st.tuples(st.text("0123456789abcdef", max_size=24), json_values), max_size=12))
def test_every_answer_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, answers: dict[RequestKey, tuple[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind(FACTS)
        journal.record_all((key, request, answer) for key, (request, answer) in answers.items())
    with Journal(path) as journal:
        found = {}
        for task in {key.task for key in answers}:
            found |= journal.answers(task)
    assert found == answers


def test_a_second_answer_replaces_the_first(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        key = RequestKey(TASK, 1, 0)
        journal.record(key, "d", "first")
        journal.record(key, "d", "second")
        assert journal.answers(TASK) == {key: ("d", "second")}


def test_another_process_sees_an_answer_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind(FACTS)
        journal.record(RequestKey(TASK, 1, 0), "d", "x")
        assert answered_requests(path) == 1
        with Journal(path, read_only=True) as reader:
            assert [(key, answer) for _, key, answer in reader.newest(5)] == [(RequestKey(TASK, 1, 0), "x")]


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    script = textwrap.dedent(
        """
        import os, signal, sys
        from benchtui.runs.journal.journal import Journal, RequestKey
        journal = Journal(__import__("pathlib").Path(sys.argv[1]))
        journal.bind({"fingerprint": "abc"})
        def answers(batch):
            for number in range(8):
                if batch == 3 and number == 5:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield RequestKey("arc_easy", 8 * batch + number, 0), "d", "x"
        for batch in range(9):
            journal.record_all(answers(batch))
        """
    )
    process = subprocess.run([sys.executable, "-c", script, path], check=False)
    assert process.returncode == -signal.SIGKILL
    assert answered_requests(path) == 24


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind({"fingerprint": "abc", "dtype": "float32", "seeds": (0, 1)})
    with Journal(path) as journal:
        journal.bind({"fingerprint": "abc", "dtype": "float32", "seeds": [0, 1], "new": None})
        with pytest.raises(JournalMismatchError) as caught:
            journal.bind({"fingerprint": "xyz", "dtype": "bfloat16"})
    assert caught.value.differences == ["dtype: 'float32' there, 'bfloat16' now"]
    assert isinstance(caught.value, BenchtuiError)


def test_answers_of_another_fingerprint_never_count(tmp_path: Path) -> None:
    """Even if the table that names the fingerprint was lost."""
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind(FACTS)
        journal.record(RequestKey(TASK, 1, 0), "d", "x")
    database = sqlite3.connect(path)
    database.execute("DELETE FROM meta")
    database.commit()
    database.close()
    with Journal(path) as journal:
        journal.bind({"fingerprint": "other"})
        assert journal.answers(TASK) == {}
        assert journal.damaged == 1


def test_what_was_counted_of_an_answer_is_kept_with_it(tmp_path: Path) -> None:
    one, other = RequestKey(TASK, 1, 0), RequestKey(TASK, 2, 0)
    facts = AnswerFacts(prompt=900, lost=12, tokens=256, at_limit=True)
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind(FACTS)
        journal.record_all([(one, "d", "x"), (other, "d", "y")], {one: facts})
    database = sqlite3.connect(path)
    database.execute("UPDATE answers SET facts = replace(facts, '256', '2') WHERE doc_id = 1")
    with Journal(path, read_only=True) as journal:
        assert journal.facts(TASK) == {one: facts}
        assert set(journal.answers(TASK)) == {one, other}
    database.commit()
    database.close()
    with Journal(path) as journal:
        assert set(journal.answers(TASK)) == {other}, (
            "a count that does not fit its answer's checksum is never believed"
        )
        assert journal.facts(TASK) == {}


EARLIER_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE answers (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, idx INTEGER NOT NULL, repeat INTEGER NOT NULL,
    request TEXT NOT NULL, answer TEXT NOT NULL, t REAL NOT NULL, mark INTEGER NOT NULL,
    PRIMARY KEY (task, doc_id, idx, repeat)) WITHOUT ROWID;
CREATE TABLE skipped (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (task, doc_id)) WITHOUT ROWID;
INSERT INTO meta VALUES ('fingerprint', '"f"');
INSERT INTO answers VALUES ('t', 0, 0, 0, 'd', '"old"', 1.5, 407113397);
"""
"""A journal of version 0.1, whose answers carry no counts."""


@pytest.mark.parametrize("damaged", [False, True])
def test_answers_of_an_earlier_version_keep_counting(tmp_path: Path, damaged: bool) -> None:
    path = tmp_path / "journal.sqlite"
    database = sqlite3.connect(path)
    database.executescript(EARLIER_SCHEMA)
    database.close()
    with Journal(path, read_only=True) as reader:
        assert reader.answers("t") == {RequestKey("t", 0, 0): ("d", "old")}
        assert reader.facts("t") == {}
    if damaged:
        content = bytearray(path.read_bytes())
        content[:16] = bytes(16)
        path.write_bytes(content)
    new = RequestKey("t", 1, 0)
    with Journal(path) as journal:
        journal.bind({"fingerprint": "f"})
        assert bool(journal.salvaged) == damaged
        journal.record(new, "d", "new", AnswerFacts(tokens=3, at_limit=False))
        assert journal.answers("t") == {RequestKey("t", 0, 0): ("d", "old"), new: ("d", "new")}
        assert journal.facts("t") == {new: AnswerFacts(tokens=3, at_limit=False)}


def test_documents_given_up_on_can_be_asked_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.skip(TASK, 3, "no sign of life for 4s")
        journal.skip("other", 1, "stuck")
        assert journal.skipped(TASK) == {(TASK, 3): "no sign of life for 4s"}
        journal.forget_skipped()
        assert journal.skipped() == {}


@pytest.mark.parametrize("seed", range(12))
def test_a_log_cut_anywhere_holds_whole_batches_from_the_beginning(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "journal.sqlite"
    kept = fill(path)
    log = tmp_path / "left" / "journal.sqlite-wal"
    os.truncate(log, random.Random(seed).randrange(log.stat().st_size))  # noqa: S311
    with Journal(tmp_path / "left" / "journal.sqlite") as journal:
        journal.bind(FACTS)
        found = journal.answers(TASK)
    assert len(found) % 4 == 0
    assert found == dict(list(kept.items())[: len(found)])


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_damaged_no_answer_is_wrong(tmp_path: Path, seed: int) -> None:
    """Bits flipped, pieces overwritten, files cut: some answers are lost, none is another."""
    draw = random.Random(seed)  # noqa: S311
    path = tmp_path / "journal.sqlite"
    kept = fill(path)
    copy = tmp_path / "left" / "journal.sqlite"
    if seed % 2:
        database = sqlite3.connect(copy)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
    for file in (copy, copy.with_name("journal.sqlite-wal")):
        if file.exists() and file.stat().st_size:
            damage(file, draw)
    with Journal(copy) as journal:
        journal.bind(FACTS)
        found = journal.answers(TASK)
        assert found.items() <= kept.items()
        journal.record_all((key, request, answer) for key, (request, answer) in kept.items())  # it can be used on
    with Journal(copy) as journal:
        assert not journal.salvaged
        assert journal.answers(TASK) == kept


def damage(file: Path, draw: random.Random) -> None:
    content = bytearray(file.read_bytes())
    kind = draw.choice(["flip", "overwrite", "cut", "both"])
    if kind in ("flip", "both"):
        for _ in range(draw.randrange(1, 30)):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    if kind in ("overwrite", "both"):
        start = draw.randrange(len(content))
        piece = draw.randbytes(min(draw.randrange(1, 5000), len(content) - start))
        content[start : start + len(piece)] = piece
    if kind == "cut":
        del content[draw.randrange(len(content)) :]
    file.write_bytes(content)


def test_a_journal_that_was_cut_keeps_what_is_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind(FACTS)
        for number in range(2000):
            journal.record(RequestKey(TASK, number, 0), "digest", "an answer of some length " * 3)
    os.truncate(path, path.stat().st_size // 2)
    with Journal(path) as journal:
        journal.bind(FACTS)
        found = journal.answers(TASK)
    assert 400 < len(found) < 2000
    assert "answers could be read" in journal.salvaged
    (kept,) = tmp_path.glob("journal.damaged-*.sqlite")
    assert kept.name in journal.salvaged


def test_what_is_no_journal_at_all_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database " * 1000)
    assert answered_requests(path) == 0
    with Journal(path) as journal:
        assert journal.salvaged
        assert journal.count() == 0
    assert (tmp_path / "journal.damaged-1.sqlite").read_bytes().startswith(b"not a database")


def test_a_full_disk_costs_only_the_batch_in_hand(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the same write fails in the same place."""
    path = tmp_path / "journal.sqlite"
    script = textwrap.dedent(
        """
        import pathlib, resource, sqlite3, sys
        from benchtui.files import no_room
        from benchtui.runs.journal.journal import Journal, RequestKey
        journal = Journal(pathlib.Path(sys.argv[1]))
        journal.bind({"fingerprint": "abc"})
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        batch = 0
        try:
            while True:
                journal.record_all((RequestKey("arc_easy", 8 * batch + i, 0), "d", "x" * 300) for i in range(8))
                batch += 1
        except sqlite3.Error as error:
            print(batch, no_room(error))
        """
    )
    done = subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True, text=True)
    batches, recognised = done.stdout.split()
    assert recognised == "True"
    assert int(batches) > 3
    with Journal(path) as journal:
        journal.bind(FACTS)
        assert len(journal.answers(TASK)) == 8 * int(batches)


def test_a_read_only_folder_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        Journal(tmp_path / "missing" / "journal.sqlite")
    assert not no_room(caught.value)
    assert not list(tmp_path.iterdir())


def test_digests_tell_prompts_apart() -> None:
    same = request_digest("generate_until", ("a", {"until": ["\n"], "temperature": 0}))
    assert same == request_digest("generate_until", ("a", {"temperature": 0, "until": ["\n"]}))
    others = {
        request_digest("loglikelihood", ("a", {"until": ["\n"], "temperature": 0})),
        request_digest("generate_until", ("b", {"until": ["\n"], "temperature": 0})),
        request_digest("generate_until", ("a", {"until": [], "temperature": 0})),
        request_digest("loglikelihood", ("a", "b")),
        request_digest("loglikelihood", ("ab", "")),
        request_digest("generate_until", ("\ud800", {})),
    }
    assert same not in others
    assert len(others) == 6


def test_a_reader_that_came_before_the_tables_leaves_nothing_open(tmp_path: Path) -> None:
    """Left open until the garbage collector came, it had later readers of its process find a damaged journal."""
    import gc

    path = tmp_path / "journal.sqlite"
    sqlite3.connect(path).close()
    before = {id(found) for found in gc.get_objects() if isinstance(found, sqlite3.Connection)}
    with pytest.raises(sqlite3.Error):
        Journal(path, read_only=True)
    left = [found for found in gc.get_objects() if isinstance(found, sqlite3.Connection) and id(found) not in before]
    for connection in left:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
