"""The journal of one of several workers, beside what the run's own journal holds from before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.journal.journal import Journal, RequestKey


class ShardJournal(Journal):
    """Writes into the journal of `files`, which belongs to a shard, and knows what `before`, the run's own journal,
    holds: nobody writes that while workers run.

    What was noted and bound before holds for every worker. What was answered before is read by worker 0 as if it had
    given it; the others are told by `elsewhere` not to ask for it.
    """

    def __init__(self, files: WorkerFiles, before: Journal | None) -> None:
        self._before = before
        self._first = files.shard == 0
        super().__init__(files.journal)

    def answers(self, task: str, documents: Collection[int] | None = None) -> dict[RequestKey, tuple[str, Any]]:
        own = super().answers(task, documents)
        return {**self._before.answers(task, documents), **own} if self._before is not None and self._first else own

    def facts(self, task: str, documents: Collection[int] | None = None) -> dict[RequestKey, AnswerFacts]:
        own = super().facts(task, documents)
        return {**self._before.facts(task, documents), **own} if self._before is not None and self._first else own

    def count(self, task: str | None = None) -> int:
        own = super().count(task)
        return own + self._before.count(task) if self._before is not None and self._first else own

    def elsewhere(self, task: str) -> Mapping[RequestKey, str]:
        return self._before.requests(task) if self._before is not None and not self._first else {}

    def close(self) -> None:
        super().close()
        if self._before is not None:
            self._before.close()

    def _meta(self) -> dict[str, Any]:
        before = self._before.noted_all() if self._before is not None else {}
        return {**before, **super()._meta()}


def open_journal(files: WorkerFiles, whole: WorkerFiles) -> Journal:
    """The journal that the worker with these `files` writes; `whole` are the files of the run itself. Raises as
    `Journal` does."""
    if files.shard is None:
        return Journal(files.journal)
    before = Journal(whole.journal, read_only=True) if whole.journal.is_file() else None
    return ShardJournal(files, before)
