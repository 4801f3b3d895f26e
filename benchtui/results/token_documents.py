"""Finds the comparison by token that has a certain document of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.plans.plan import read_plan
from benchtui.plans.tokens import StoredAnswers, TokensPlan
from benchtui.results.tokens import TokensResults, is_tokens, read_tokens
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import begun, known_runs


@dataclass(frozen=True)
class BenchmarkDocument:
    """A document of a benchmark as two runs know it: `doc_hashes` has "" where one does not."""

    task: str
    doc_id: int
    doc_hashes: tuple[str, str]
    runs: tuple[Path, Path]


@dataclass(frozen=True)
class FoundTokens:
    """A comparison by token, and the numbers of its texts that are answers to one document."""

    results: TokensResults
    documents: tuple[int, ...]


def find_document(outputs: Path, wanted: BenchmarkDocument) -> FoundTokens | None:
    """Return the newest comparison by token, below `outputs`, that has the document: of those with the answers of both
    runs where there is one. None where none has it. Raises UsageError where there is no such folder."""
    known = [known.run for known in known_runs(outputs) if not known.problem and is_tokens(known.run)]
    for run in sorted(known, key=lambda run: (_has_answers_of(run, wanted.runs), begun(run)), reverse=True):
        try:
            found = read_tokens(run.path)
            documents = _documents_of(found, wanted)
        except BenchtuiError:
            continue  # not finished, or damaged: `benchtui runs` says so
        if documents:
            return FoundTokens(found, documents)
    return None


def _documents_of(found: TokensResults, wanted: BenchmarkDocument) -> tuple[int, ...]:
    if found.store.header.mode != "given":
        return ()
    documents = found.store.texts(len(found.store.header.labels) - 1).documents
    return tuple(
        number
        for number, one in enumerate(documents)
        if one.task == wanted.task
        and one.doc_id == wanted.doc_id
        and (not one.doc_hash or not all(wanted.doc_hashes) or one.doc_hash in wanted.doc_hashes)
    )


def _has_answers_of(run: RunDirectory, runs: Sequence[Path]) -> bool:
    try:
        texts = read_plan(run.plan_file, TokensPlan).texts
    except BenchtuiError:
        return False
    return isinstance(texts, StoredAnswers) and {str(one.absolute()) for one in runs} <= set(texts.runs)
