"""The files of a shard on this machine, written from what its worker tells from another one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchtui.files import open_run_file
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory, WorkerFiles
from benchtui.runs.in_hand import SIZE
from benchtui.runs.journal.journal import Excerpt, Journal
from benchtui.supervise.cluster.node import News
from benchtui.supervise.process import BoundedLog


class ShardMirror:
    """Writes what one worker tells of its shard of `runs`, answers before the events that tell of them.

    Raises OSError and sqlite3.Error where that cannot be written, JournalMismatchError for answers to something else.
    """

    def __init__(self, runs: Sequence[RunDirectory], shard: int) -> None:
        self._files = [run.files_of(shard) for run in runs]
        self._writers = [ev.EventWriter(files.events) for files in self._files]
        self._journals: list[Journal | None] = [None] * len(runs)
        self._log = BoundedLog(self._files[0].log)
        self._stacks = BoundedLog(self._files[0].stacks)
        self._chunks = [0] * len(runs)

    def tell(self, event: ev.Event, run: int = 0) -> None:
        """Write an event as if the worker had told it."""
        self._writers[run].emit(event)

    def held(self, run: int) -> Excerpt | None:
        """What the shard's journal of a run holds; None where there is none yet."""
        files = self._files[run]
        return self.journal(run).excerpt() if files.journal.is_file() else None

    def take(self, news: News) -> list[int]:
        """Write what is new; returns the runs whose journals have other notes or answers now."""
        changed = []
        for number, (files, told) in enumerate(zip(self._files, news.runs, strict=True)):
            if told.answers is not None and (told.answers.answers or told.events):
                self.journal(number).merge(told.answers, files.journal)
                changed.append(number)
            if told.events:
                self._writers[number].append(told.events)
            if told.in_hand:
                _write_in_hand(files, told.in_hand)
        if news.log:
            self._log.write(news.log)
        if news.stacks:
            self._stacks.write(news.stacks)
        return changed

    def new_chunks(self, run: int) -> tuple[int, bytes]:
        """Where the chunks start that the supervisor gave since the last call, and what they are: whole lines."""
        offset = self._chunks[run]
        descriptor = open_run_file(self._files[run].chunks, os.O_RDONLY)
        try:
            data = os.pread(descriptor, max(0, os.fstat(descriptor).st_size - offset), offset)
        finally:
            os.close(descriptor)
        data = data[: data.rfind(b"\n") + 1]
        self._chunks[run] += len(data)
        return offset, data

    def journal(self, run: int) -> Journal:
        """The shard's journal of a run."""
        found = self._journals[run]
        if found is None:
            self._journals[run] = found = Journal(self._files[run].journal)
        return found

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers:
            writer.close()
        for journal in self._journals:
            if journal is not None:
                journal.close()
        self._log.close()
        self._stacks.close()


def _write_in_hand(files: WorkerFiles, content: bytes) -> None:
    descriptor = open_run_file(files.in_hand, os.O_RDWR)
    try:
        os.pwrite(descriptor, content[:SIZE], 0)
    finally:
        os.close(descriptor)
