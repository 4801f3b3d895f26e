"""What a supervisor knows of one run, or of one shard of it, from its files; and what it writes there itself."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.files import delete_run_file, no_room, unwritable
from benchtui.runs import events as ev
from benchtui.runs.cancel import forget_request
from benchtui.runs.directory import RunDirectory, WorkerFiles
from benchtui.runs.event_reader import EventReader, reader_at_end
from benchtui.runs.follow.view import Counts
from benchtui.runs.in_hand import read_in_hand
from benchtui.runs.journal.journal import Journal, answered_requests
from benchtui.runs.journal.shards import answered_in, gather_journals
from benchtui.runs.kinds.kind import Fold, NothingKnown
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.records import DoneRecord, LaunchRecord, Status, read_done, this_process, write_record
from benchtui.supervise.schedule import Share

NAMED_AT_MOST = 5
ASKED_AGAIN = "What was lost is asked again."


@dataclass(frozen=True)
class AtWork:
    """The documents of one task that a worker was answering or scoring, and which of both."""

    task: str
    documents: tuple[ev.InFlightDocument, ...]
    doing: str

    def __str__(self) -> str:
        named = [_named(document) for document in self.documents[:NAMED_AT_MOST]]
        if len(self.documents) > NAMED_AT_MOST:
            named.append(f"{len(self.documents) - NAMED_AT_MOST} more")
        return f"{self.task} sample{'s' if len(named) > 1 else ''} {', '.join(named)} ({self.doing})"


def _named(document: ev.InFlightDocument) -> str:
    return f"{document.doc_id} “{document.first_line}”" if document.first_line else str(document.doc_id)


@dataclass
class Watched:
    """One run under supervision, or one shard of a run: `files` are those that its worker writes.

    `heard` is when that worker last said anything, in seconds since the epoch. Events that cannot be written any more
    never keep a run from being ended: `write_error` is why they could not. `share` is what a shard has to do with the
    schedule of the run; None of a whole run.
    """

    run: RunDirectory
    files: WorkerFiles
    reader: EventReader
    writer: ev.EventWriter
    began: float = field(default_factory=time.monotonic)
    heard: float = 0.0
    results: ev.Results | ev.ShareDone | None = None
    failed: ev.Failed | None = None
    in_flight: ev.InFlight | None = None
    fold: Fold = field(default_factory=NothingKnown)
    batch_size: int | None = None
    before: DoneRecord | None = None
    done: DoneRecord | None = None
    write_error: OSError | None = None
    share: Share | None = None

    @classmethod
    def open_for_supervision(cls, run: RunDirectory, workers: int = 1) -> Watched:
        """Write the launch record; retry skipped documents. Raises BenchtuiError when the run's directory cannot be
        written."""
        with _writing(run, run.files_of()):
            before = read_done(run)
            delete_run_file(run.done)
            forget_request(run)
            watched = cls._open(run, run.files_of())
            watched.before = before
            launched = LaunchRecord(this_process(), time.time(), run.header().bench_id, workers=workers)
            write_record(run.launch, launched)
            for salvaged in gather_journals(run):
                watched.tell(ev.Warned(message=salvaged, next_step=ASKED_AGAIN))
            watched.forget_skipped()
        return watched

    @classmethod
    def open_shard(cls, run: RunDirectory, share: Share) -> Watched:
        """The same for one shard of a run that is open. Raises BenchtuiError when its folder cannot be written."""
        files = run.files_of(share.number)
        with _writing(run, files):
            watched = cls._open(run, files)
        watched.share = share
        return watched

    @classmethod
    def _open(cls, run: RunDirectory, files: WorkerFiles) -> Watched:
        kind, plan = read_kind(run)
        fold = kind.fold()
        fold.know(plan)
        return cls(run, files, reader_at_end(files.events), ev.EventWriter(files.events), fold=fold)

    def forget_skipped(self) -> None:
        """Have the documents that were given up on before asked again."""
        if not self.files.journal.is_file():
            return
        with Journal(self.files.journal) as journal:
            if journal.salvaged:
                self.tell(ev.Warned(message=journal.salvaged, next_step=ASKED_AGAIN))
            if journal.skipped():
                journal.forget_skipped()

    def begin_worker(self, pid: int, attempt: int) -> None:
        self.begin_scoring()
        self.results = None
        self.tell(ev.WorkerStarted(pid=pid, attempt=attempt))

    def begin_scoring(self) -> None:
        """Forget what the worker before had in hand."""
        self.failed = self.in_flight = None
        with contextlib.suppress(OSError):
            delete_run_file(self.files.in_hand)

    @property
    def waits(self) -> bool:
        """Whether the worker waits for other workers: it is not silent then."""
        return self.share is not None and self.share.waits

    @property
    def deleted(self) -> bool:
        """Whether somebody removed the run's directory while it ran."""
        return self.writer.deleted or not self.files.events.exists()

    def tell(self, event: ev.Event) -> None:
        """Append our own event; a full disk keeps it from being written, and must not keep us from ending the run."""
        try:
            self.writer.emit(event)
        except OSError as error:
            self.write_error = error

    def collect(self) -> bool:
        """Read what is new; whether any of it is a sign of life."""
        alive = False
        while new := self._read():
            for event in new:
                alive = self.note(event) or alive
        return alive

    def _read(self) -> list[ev.Event]:
        try:
            return self.reader.read()
        except OSError:  # a disk that fails: silence, as from a worker that says nothing
            return []

    def note(self, event: ev.Event) -> bool:
        """Learn from one event; whether it was a sign of life."""
        self.fold.apply(event)
        match event:
            case ev.Phase():
                self.in_flight = None  # the worker is past it
            case ev.Results() | ev.ShareDone():
                self.results = event
            case ev.Failed():
                self.failed = event
            case ev.InFlight():
                self.in_flight, self.heard = event, event.t
                return False  # says what is tried, not that anything advanced
            case ev.Decision(rows=int(rows)):
                self.batch_size = rows
            case ev.Watchdog() | ev.Workers() | ev.WorkerStarted() | ev.WorkerEnded() | ev.Done():
                return False
        self.heard = event.t
        return True

    @property
    def planned(self) -> bool:
        """Whether a worker has said what there is to do."""
        return self.fold.planned

    @property
    def counts(self) -> Counts:
        """The documents answered so far; those of before where this worker has not come to planning."""
        found = self.fold.view().counts
        if found.total or self.before is None:
            return found
        return Counts(self.before.documents, self.before.documents_total)

    @property
    def answered(self) -> int:
        """How many requests are answered, in this run or shard."""
        return answered_in(self.run) if self.files.shard is None else answered_requests(self.files.journal)

    @property
    def told(self) -> int:
        """How many documents the worker has told of, in a kind of run without a journal too."""
        return self.fold.view().counts.documents

    def at_work(self) -> AtWork | None:
        """The documents that the worker had in hand when it was last heard of; None when it was at something else."""
        alone = read_in_hand(self.files.in_hand)
        if alone.document is not None:
            return AtWork(alone.task, (alone.document,), alone.doing)
        if self.in_flight is not None and self.in_flight.documents:
            return AtWork(self.in_flight.task, tuple(self.in_flight.documents), "being answered")
        return None

    def give_up_on(self, at_work: AtWork, why: str) -> bool:
        """Neither ask nor score these documents again until the run is resumed.

        False when nothing was gained: they were given up on before, or the journal cannot be written, and a new worker
        would only hang again.
        """
        try:
            with Journal(self.files.journal) as journal:
                known = journal.skipped(at_work.task)
                fresh = [d.doc_id for d in at_work.documents if (at_work.task, d.doc_id) not in known]
                for doc_id in fresh:
                    journal.skip(at_work.task, doc_id, why)
        except (sqlite3.Error, OSError) as error:
            self.tell(ev.Warned(message=f"{self.files.journal.name} cannot be written: {error}"))
            return False
        return bool(fresh)

    def unanswered(self) -> str:
        """The documents given up on, in words; "" when there are none."""
        try:
            with Journal(self.files.journal, read_only=True) as journal:
                skipped = journal.skipped()
        except sqlite3.Error:
            return ""
        named = [f"{task} sample {doc_id} ({why})" for (task, doc_id), why in sorted(skipped.items())]
        if len(named) > NAMED_AT_MOST:
            named[NAMED_AT_MOST:] = [f"{len(named) - NAMED_AT_MOST} more"]
        return ", ".join(named)

    def close(self, status: Status, message: str) -> None:
        """Write how the run ended; of a run that was stopped also how far it was. Where that cannot be written the run
        counts as died, and can be resumed. How a shard ended is only told in its events."""
        found = self.counts
        if status == "cancelled" and not self.heard:
            message = "Not started."
        elif status == "cancelled" and found.documents:
            message = f"{message} {found.words}."
        results = self.results if isinstance(self.results, ev.Results) else None
        self.done = DoneRecord(
            status,
            message,
            t=time.time(),
            seconds=time.monotonic() - self.began,
            answered=self.answered,
            total=found.requests,
            documents=found.documents,
            documents_total=found.total,
            results=results.file if results else None,
            results_bytes=_size(self.run.path / results.folder / results.file) if results else 0,
            results_folder=results.folder if results else "lm-eval",
            early=status == "finished" and results is not None and results.early,
        )
        if self.deleted:  # writing would bring part of it back
            return
        if self.files.shard is None:
            self._write_done(self.done)
        self.tell(ev.Done(status=status, message=message))

    def _write_done(self, record: DoneRecord) -> None:
        try:
            write_record(self.run.done, record)
            forget_request(self.run)
        except OSError as error:
            self.write_error = error


def _size(file: Path) -> int:
    """0 where it cannot be read."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


@contextmanager
def _writing(run: RunDirectory, files: WorkerFiles) -> Iterator[None]:
    """Errors of writing `files` as what to tell the user. Raises BenchtuiError."""
    try:
        yield
    except OSError as error:
        raise unwritable(files.folder, error) from error
    except sqlite3.Error as error:
        step = "Free some space, then try again." if no_room(error) else "Start a new run with --no-resume."
        raise BenchtuiError(f"{run.journal} cannot be opened: {error}.", step) from error
