"""A run that compares models token by token, with its files open."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from benchtui.plans.plan import read_plan
from benchtui.plans.tokens import TokensPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.tokens.arrays import file_digest
from benchtui.tokens.records import StoredModel
from benchtui.tokens.store import STORE, StoreWriter
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter


@dataclass(frozen=True, kw_only=True)
class TokensContext:
    """`journal` says which files of the store are complete: by a key for each, the digest of what it was computed from
    and that of the file. `writer` writes the store."""

    process: WorkerProcess
    run: RunDirectory
    plan: TokensPlan
    journal: Journal
    reporter: Reporter
    writer: StoreWriter

    def missing(self, requests: Mapping[RequestKey, str]) -> list[RequestKey]:
        """Those of some files (shards of one model or of one pair, each with what it is computed from) that were not
        written, were written from something else, or are not intact."""
        noted: dict[RequestKey, tuple[str, Any]] = {}
        for task in {key.task for key in requests}:
            noted.update(self.journal.answers(task))
        return [key for key, request in requests.items() if not self._is_kept(key, request, noted.get(key))]

    def _is_kept(self, key: RequestKey, request: str, noted: tuple[str, Any] | None) -> bool:
        return noted is not None and noted[0] == request and file_digest(self._place(key)) == noted[1]

    def keep(self, key: RequestKey, request: str, digest: str) -> None:
        """Note that the file of `key` is complete."""
        self.journal.record(key, request, digest)

    def note_model(self, number: int, model: StoredModel) -> None:
        """Note what is known of a model that was opened: its shards need it no more once they are there."""
        self.journal.note(f"model {number}", msgspec.to_builtins(model))

    def noted_model(self, number: int) -> StoredModel | None:
        """What was noted of a model; None where it was not opened yet."""
        noted: Any = self.journal.noted(f"model {number}")
        return None if noted is None else msgspec.convert(noted, StoredModel)

    def _place(self, key: RequestKey) -> Any:
        numbers = [int(number) for number in key.task.removeprefix("model ").removeprefix("pair ").split(" and ")]
        if len(numbers) == 1:
            return self.writer.shard_file(numbers[0], key.doc_id)
        return self.writer.pair_file(numbers[0], numbers[1], key.doc_id)


def model_shard(number: int, shard: int) -> RequestKey:
    """Return the journal's key for a shard of a model."""
    return RequestKey(f"model {number}", shard, 0)


def pair_shard(first: int, second: int, shard: int) -> RequestKey:
    """Return the journal's key for a shard of a pair of models."""
    return RequestKey(f"pair {first} and {second}", shard, 0)


def open_run(process: WorkerProcess, run: RunDirectory, stack: ExitStack) -> TokensContext:
    """Open a run; `stack` closes its files. Raises BenchtuiError where its plan cannot be read or has changed."""
    plan = read_plan(run.plan_file, TokensPlan)
    reporter = Reporter(EventWriter(run.events))
    process.libraries.reporter = reporter
    journal = stack.enter_context(Journal(run.journal))
    if journal.salvaged:
        reporter.warn(journal.salvaged, "What was lost is computed again.")
    journal.bind({"fingerprint": texts_and_models(plan)})
    return TokensContext(
        process=process, run=run, plan=plan, journal=journal, reporter=reporter, writer=StoreWriter(run.path / STORE)
    )


def texts_and_models(plan: TokensPlan) -> str:
    """Return the digest of everything that can change a number of a model: which pairs are compared cannot."""
    return msgspec.structs.replace(plan, pairs=()).fingerprint


def request_of(*facts: object) -> str:
    """Return the digest of what a file is computed from."""
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:24]
