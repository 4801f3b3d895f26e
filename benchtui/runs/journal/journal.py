"""Every answered request, on disk as soon as it is answered, so that nothing computed is ever lost or asked again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.journal.file import has_facts, open_or_salvage, open_read_only, readable_answers


class RequestKey(msgspec.Struct, frozen=True):
    """One question to the model: `idx` counts a document's requests, `repeat` the samples drawn of one request."""

    task: str
    doc_id: int
    idx: int
    repeat: int = 0


class Excerpt(msgspec.Struct, frozen=True):
    """What a journal holds, or what was added to it, as it is stored: rows of its tables, answers with their checksums.

    `answers` are in the order in which they were given; `more` says that there are others after them.
    """

    meta: list[tuple[str, str]]
    answers: list[tuple[str, int, int, int, str, str, float, int, str | None]]
    skipped: list[tuple[str, int, str]]
    more: bool = False

    @property
    def latest(self) -> float | None:
        """When the last answer was given, in seconds since the epoch."""
        return self.answers[-1][6] if self.answers else None


class JournalMismatchError(BenchtuiError):
    """The journal was written for something else; `differences` says what, in words."""

    def __init__(self, path: Path, differences: list[str]) -> None:
        super().__init__(
            f"{path} holds answers made with other settings ({'; '.join(differences)}).",
            "Start a new run, or use the same settings to resume this one.",
        )
        self.differences = differences


class Journal:
    """A SQLite file in write-ahead mode: one writer, any number of readers, whole after a kill at any moment.

    What `record` and `record_all` returned from is on disk for any other process. A damaged file is salvaged when it is
    opened for writing: `salvaged` then says so, in words. SQLite keeps no checksum of its rows, so every answer carries
    one (CRC-32 of the row and of what the journal is bound to), and an answer that does not fit it was never given.
    Raises sqlite3.OperationalError when the disk is full; what was recorded before stays readable.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.salvaged = ""
        self.damaged = 0
        """Answers left out by `answers` because they do not fit their checksum."""
        if read_only:
            self._db = open_read_only(path)
        else:
            self._db, self.salvaged = open_or_salvage(path)
        try:
            self._seed = self._read_seed()
        except BaseException:  # a reader came before the tables: left open, it would read what a writer deletes later
            self._db.close()
            raise

    def bind(self, facts: dict[str, Any]) -> None:
        """Tie the journal to what its answers depend on. Raises JournalMismatchError when that has changed."""
        stored = self._meta()
        normal = {key: json.loads(json.dumps(value)) for key, value in facts.items()}
        differing = [key for key, value in normal.items() if key in stored and stored[key] != value]
        if differing:
            named = [key for key in differing if key != "fingerprint"] or differing  # nobody can read a digest
            raise JournalMismatchError(self.path, [f"{k}: {stored[k]!r} there, {normal[k]!r} now" for k in named])
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO meta VALUES (?, ?)", [(key, json.dumps(value)) for key, value in normal.items()]
            )
        self._seed = self._read_seed()

    def note(self, key: str, value: Any) -> None:
        """Keep something that cannot change a score and may change itself."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def noted(self, key: str) -> Any:
        """What was noted or bound under this name, None if nothing."""
        return self._meta().get(key)

    def noted_all(self) -> dict[str, Any]:
        """All that was noted or bound, by its name."""
        return self._meta()

    def notes(self, beginning: str) -> list[str]:
        """The names of all notes that begin so."""
        return sorted(name for name in self._meta() if name.startswith(beginning))

    def record(self, key: RequestKey, request: str, answer: Any, facts: AnswerFacts | None = None) -> None:
        """Keep `answer` (anything JSON can hold) to the request with digest `request`, and what was counted of it."""
        self.record_all([(key, request, answer)], {key: facts} if facts is not None else {})

    def record_all(
        self, answers: Iterable[tuple[RequestKey, str, Any]], facts: Mapping[RequestKey, AnswerFacts] | None = None
    ) -> None:
        """Keep several answers with their `facts` together: all of them or, after a kill or on a full disk, none."""
        now = time.time()
        rows = []
        for key, request, answer in answers:
            counted = facts.get(key) if facts is not None else None
            row = (key.task, key.doc_id, key.idx, key.repeat, request, json.dumps(answer))
            known = None if counted is None else msgspec.json.encode(counted).decode()
            rows.append((*row, now, _mark(self._seed, row, known), known))
        if not rows:
            return
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def answers(self, task: str, documents: Collection[int] | None = None) -> dict[RequestKey, tuple[str, Any]]:
        """Request digest and answer for everything answered in `task`, or of these documents of it."""
        found = {}
        for row in self._rows(task, documents):
            if row is None:
                self.damaged += 1
                continue
            name, doc_id, idx, repeat, request, answer, _ = row
            found[RequestKey(name, doc_id, idx, repeat)] = (request, json.loads(answer))
        return found

    def facts(self, task: str, documents: Collection[int] | None = None) -> dict[RequestKey, AnswerFacts]:
        """What was counted of the same answers; those that earlier versions wrote down have nothing here."""
        return {
            RequestKey(*row[:4]): msgspec.json.decode(row[6], type=AnswerFacts)
            for row in self._rows(task, documents)
            if row is not None and row[6] is not None
        }

    def _rows(self, task: str, documents: Collection[int] | None) -> Iterator[tuple[Any, ...] | None]:
        """(task, doc_id, idx, repeat, request, answer, facts) of every answer; None for one that is damaged."""
        facts = "facts" if has_facts(self._db) else "NULL"
        columns = f"task, doc_id, idx, repeat, request, answer, {facts}, mark"
        query = f"SELECT {columns} FROM answers WHERE task = ?"  # noqa: S608 - our own names
        if documents is None:
            rows = self._db.execute(query, (task,))
        else:
            of_these = " AND doc_id IN (SELECT value FROM json_each(?))"
            rows = self._db.execute(query + of_these, (task, json.dumps([*documents])))
        for *row, counted, mark in rows:
            yield (*row, counted) if mark == _mark(self._seed, tuple(row), counted) else None

    def newest(self, limit: int) -> list[tuple[float, RequestKey, Any]]:
        """The most recent answers, newest first, with when they came; damaged ones are left out."""
        rows = self._db.execute(
            "SELECT t, task, doc_id, idx, repeat, answer FROM answers ORDER BY t DESC LIMIT ?", (limit,)
        )
        found = []
        for t, task, doc, idx, rep, answer in rows:
            with suppress(ValueError, TypeError):
                found.append((float(t), RequestKey(task, doc, idx, rep), json.loads(answer)))
        return found

    def count(self, task: str | None = None) -> int:
        if task is None:
            return int(self._db.execute("SELECT COUNT(*) FROM answers").fetchone()[0])
        return int(self._db.execute("SELECT COUNT(*) FROM answers WHERE task = ?", (task,)).fetchone()[0])

    def requests(self, task: str) -> dict[RequestKey, str]:
        """The digest of every answered request of a task."""
        rows = self._db.execute("SELECT task, doc_id, idx, repeat, request FROM answers WHERE task = ?", (task,))
        return {RequestKey(*key): digest for *key, digest in rows}

    def elsewhere(self, task: str) -> Mapping[RequestKey, str]:  # noqa: ARG002 - one of several workers knows some
        """The digests of the requests of a task that are answered in another journal of the run, and are not this
        worker's to ask."""
        return {}

    def skip(self, task: str, doc_id: int, reason: str) -> None:
        """Never ask this document again in this run; it is reported as unanswered."""
        self._db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", (task, doc_id, reason))

    def skipped(self, task: str | None = None) -> dict[tuple[str, int], str]:
        rows = self._db.execute("SELECT task, doc_id, reason FROM skipped")
        return {(name, doc): reason for name, doc, reason in rows if task is None or name == task}

    def forget_skipped(self) -> None:
        self._db.execute("DELETE FROM skipped")

    def forget(self, task: str) -> None:
        """Drop all answers of a task: another model may have given some of them."""
        self._db.execute("DELETE FROM answers WHERE task = ?", (task,))

    def add(self, other: Journal) -> None:
        """Add all that `other` holds, or nothing: of two answers to one request the later one is kept, damaged ones are
        left out; a document that one gave up on and the other answered is answered. Adding it again changes nothing.
        Raises JournalMismatchError when it is bound to another fingerprint.
        """
        self._check_fingerprint(other.path, other._meta())
        answered_there, answered_here = self._given_up_but_answered(other), other._given_up_but_answered(self)
        self._db.execute("PRAGMA synchronous=FULL")  # the journal that was added may be deleted afterwards
        meta = other._db.execute("SELECT key, value FROM meta")
        skipped = ((*document, why) for document, why in other.skipped().items() if document not in answered_here)
        self._add_rows(meta, other._intact_rows(), skipped, answered_there)

    def excerpt(self, since: float = -1.0, most: int = -1) -> Excerpt:
        """What it holds, with the answers that were given after `since`, in seconds since the epoch. Of `most` answers
        (-1: of all) whole batches are returned, at least one."""
        columns = "task, doc_id, idx, repeat, request, answer, t, mark, facts"
        rows = self._db.execute(f"SELECT {columns} FROM answers WHERE t > ? ORDER BY t", (since,))  # noqa: S608 - ours
        answers = list[Any]()
        more = False
        for row in rows:
            if 0 <= most <= len(answers) and row[6] != answers[-1][6]:
                more = True
                break
            answers.append(row)
        meta = list(self._db.execute("SELECT key, value FROM meta"))
        skipped = list(self._db.execute("SELECT task, doc_id, reason FROM skipped"))
        return Excerpt(meta, answers, skipped, more)

    def merge(self, excerpt: Excerpt, path: Path) -> None:
        """Add what an excerpt of the journal at `path` holds, or nothing, as `add` does."""
        theirs = _decoded(excerpt.meta)
        self._check_fingerprint(path, theirs)
        seed = _seed_of(theirs)
        intact = (row for row in excerpt.answers if row[7] == _mark(seed, row[:6], row[8]))
        self._add_rows(excerpt.meta, intact, excerpt.skipped)

    def _check_fingerprint(self, path: Path, theirs: Mapping[str, Any]) -> None:
        prints = [found["fingerprint"] for found in (self._meta(), theirs) if "fingerprint" in found]
        if len(set(prints)) > 1:
            raise JournalMismatchError(path, [f"fingerprint: {prints[1]!r} there, {prints[0]!r} now"])

    def _add_rows(
        self, meta: Iterable[Any], answers: Iterable[Any], skipped: Iterable[Any], answered: Iterable[Any] = ()
    ) -> None:
        """Add rows of another journal; the documents that are `answered` there are no longer given up on."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta)
            self._db.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET request = "
                "excluded.request, answer = excluded.answer, t = excluded.t, mark = excluded.mark, facts = "
                "excluded.facts WHERE excluded.t >= answers.t",
                answers,
            )
            self._db.executemany("DELETE FROM skipped WHERE task = ? AND doc_id = ?", answered)
            self._db.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", skipped)
        self._seed = self._read_seed()

    def take(self, other: Journal) -> None:
        """Take over all answers of `other` and what it notes, whatever it is bound to: an answer counts where the same
        is asked. Damaged answers are left out; what this journal notes already stays."""
        tasks = [str(name) for (name,) in other._db.execute("SELECT DISTINCT task FROM answers")]
        for task in tasks:
            answers = ((key, request, answer) for key, (request, answer) in other.answers(task).items())
            self.record_all(answers, other.facts(task))
        with self._transaction():
            notes = list(other._db.execute("SELECT key, value FROM meta"))
            self._db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", notes)
            skipped = list(other._db.execute("SELECT task, doc_id, reason FROM skipped"))
            self._db.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", skipped)

    def _given_up_but_answered(self, other: Journal) -> list[tuple[str, int]]:
        """The documents that this journal gave up on and `other` did not, and of which `other` has more answers."""
        theirs = other.skipped()
        return [
            document
            for document in self.skipped()
            if document not in theirs and other._answers_of(*document) > self._answers_of(*document)
        ]

    def _answers_of(self, task: str, doc_id: int) -> int:
        rows = self._db.execute("SELECT count(*) FROM answers WHERE task = ? AND doc_id = ?", (task, doc_id))
        return int(rows.fetchone()[0])

    def _intact_rows(self) -> Iterator[tuple[Any, ...]]:
        """Every answer as it is stored, the damaged ones left out."""
        rows = self._db.execute("SELECT task, doc_id, idx, repeat, request, answer, t, mark, facts FROM answers")
        for row in rows:
            *asked, _, mark, facts = row
            if mark == _mark(self._seed, tuple(asked), facts):
                yield row

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")
            raise

    def _meta(self) -> dict[str, Any]:
        return _decoded(self._db.execute("SELECT key, value FROM meta"))

    def _read_seed(self) -> int:
        """Of every checksum: an answer of another fingerprint never fits, even if the table that says so was lost."""
        return _seed_of(self._meta())


def request_digest(request_type: str, arguments: tuple[Any, ...]) -> str:
    """Digest of what is asked, so that a resumed run never takes an answer to another prompt."""
    text = json.dumps([request_type, *arguments], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def answered_requests(path: Path) -> int:
    """How many answers a journal holds; 0 when there is none or it cannot be read."""
    if not path.is_file():
        return 0
    try:
        with Journal(path, read_only=True) as journal:
            return journal.count()
    except sqlite3.Error:
        return readable_answers(path)


def _decoded(meta: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found = {}
    for key, value in meta:
        with suppress(ValueError, TypeError):  # damaged: treated as absent
            found[key] = json.loads(value)
    return found


def _seed_of(meta: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(meta.get("fingerprint")).encode())


def _mark(seed: int, row: tuple[object, ...], facts: object) -> int:
    """The checksum of an answer; without facts that of earlier versions, whose answers keep counting."""
    whole = row if facts is None else (*row, facts)
    return zlib.crc32(json.dumps(whole, default=str).encode(), seed)
