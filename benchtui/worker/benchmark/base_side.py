"""Base-model scores for early stopping: already on disk, or running now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchtui.errors import BenchtuiError
from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.samples import read_samples
from benchtui.runs.directory import RunDirectory, named_base
from benchtui.runs.result_files import file_part, sample_files
from benchtui.tasks.primary_metric import MetricName
from benchtui.worker.benchmark.task_run import TaskRun


class BaseSide(Protocol):
    """What comparing takes, by leaf task; `fingerprint` is that of the base run."""

    @property
    def fingerprint(self) -> str: ...

    def documents(self, leaf: str) -> Mapping[int, str]:
        """The documents it has or can have a score for, and the hashes of content and prompt by which they pair."""

    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        """Have these documents answered, None for all."""

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        """A document's score; None without an answer, NaN where it has no such score or that is no number."""


@dataclass(frozen=True)
class RunningBase:
    """The base in the same worker, answering the same documents."""

    fingerprint: str
    runners: Mapping[str, TaskRun]

    def documents(self, leaf: str) -> Mapping[int, str]:
        return self.runners[leaf].documents()

    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        self.runners[leaf].ask(only)

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        return self.runners[leaf].value(doc_id, metric)


@dataclass(frozen=True)
class FinishedBase:
    """A base that was evaluated in full before: by leaf task and document what was asked, and the scores."""

    fingerprint: str
    hashes: Mapping[str, Mapping[int, str]]
    values: Mapping[str, Mapping[int, Mapping[MetricName, float]]]

    def documents(self, leaf: str) -> Mapping[int, str]:
        return self.hashes[leaf]

    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        """Nothing is left to ask."""

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        scores = self.values[leaf].get(doc_id)
        return scores.get(metric, math.nan) if scores is not None else None


def finished_base(run: RunDirectory, plan: BenchmarkPlan, leaves: Sequence[str]) -> FinishedBase | None:
    """What the base of `run` scored on these tasks; None when it has not every document of each."""
    results = _finished_results(run, plan)
    if results is None:
        return None
    files = sample_files(results.folder, results.stamp)
    hashes: dict[str, dict[int, str]] = {}
    values: dict[str, dict[int, dict[MetricName, float]]] = {}
    for leaf in leaves:
        if file_part(leaf) not in files:
            return None
        hashes[leaf], values[leaf] = {}, {}
        facts = results.task(leaf)
        for sample in read_samples(files[file_part(leaf)], leaf):
            hashes[leaf][sample.doc_id] = sample.doc_hash + sample.prompt_hash
            scores = values[leaf].setdefault(sample.doc_id, {})
            for metric, value in sample.values:
                number = float(value) if isinstance(value, int | float) else math.nan
                scores[MetricName(metric, sample.filter)] = number
        if facts is None or len(values[leaf]) < facts.n:
            return None  # lines of the file were lost
    return FinishedBase(results.fingerprint, hashes, values)


def _finished_results(run: RunDirectory, plan: BenchmarkPlan) -> RunResults | None:
    benchmarks = next((parent for parent in run.path.parents if parent.name == BENCHMARKS), None)
    base = named_base(benchmarks, plan) if benchmarks else None
    if base is None:
        return None
    try:
        results = read_run(base)
    except BenchtuiError:
        return None  # the base left nothing: this run is then evaluated in full
    return None if results.partial or results.early else results


@dataclass(frozen=True)
class Pair:
    """One document in both runs, by the number it has in each."""

    doc_id: int
    base: int


def pair(documents: Mapping[int, str], base: Mapping[int, str]) -> dict[int, Pair]:
    """The documents that both have, asked in the same words, by doc_id; equal documents pair in their order."""
    left: dict[str, list[int]] = {}
    for doc_id, hashes in _in_order(base):
        left.setdefault(hashes, []).append(doc_id)
    return {doc_id: Pair(doc_id, left[hashes].pop(0)) for doc_id, hashes in _in_order(documents) if left.get(hashes)}


def _in_order(documents: Mapping[int, str]) -> Iterable[tuple[int, str]]:
    return sorted(documents.items())
