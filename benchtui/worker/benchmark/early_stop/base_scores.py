"""Base-model scores for early stopping: already on disk, or running now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchtui.errors import BenchtuiError
from benchtui.evidence.pairing import HashedDocument
from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.samples import read_samples
from benchtui.runs.directory import RunDirectory, named_base
from benchtui.runs.result_files import file_part, sample_files
from benchtui.tasks.primary_metric import MetricName
from benchtui.worker.benchmark.asked_task import AskedTask
from benchtui.worker.benchmark.tasks.units import Unit
from benchtui.worker.report import Reporter


class BaseSide(Protocol):
    """What a comparison needs of the base, by leaf task; `fingerprint` is that of the base run."""

    @property
    def fingerprint(self) -> str: ...

    def documents(self, leaf: str) -> Iterable[HashedDocument]:
        """Return the documents that have a score or can get one."""

    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        """Have these documents answered, None for all."""

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        """Return a document's score; None without an answer, NaN where it has no such score or that is no number."""


@dataclass(frozen=True)
class RunningBase:
    """The base in the same worker, answering the same documents."""

    fingerprint: str
    tasks: Mapping[str, AskedTask]

    def documents(self, leaf: str) -> Iterable[HashedDocument]:
        return self.tasks[leaf].documents()

    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        self.tasks[leaf].ask(only)

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        return self.tasks[leaf].value(doc_id, metric)


@dataclass(frozen=True)
class FinishedBase:
    """A base that was evaluated in full before: by leaf task its documents, and the scores of each."""

    fingerprint: str
    asked: Mapping[str, Iterable[HashedDocument]]
    values: Mapping[str, Mapping[int, Mapping[MetricName, float]]]

    def documents(self, leaf: str) -> Iterable[HashedDocument]:
        return self.asked[leaf]

    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        """Nothing is left to ask."""

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        scores = self.values[leaf].get(doc_id)
        return scores.get(metric, math.nan) if scores is not None else None


def base_or_warning(run: RunDirectory, plan: BenchmarkPlan, unit: Unit, reporter: Reporter) -> FinishedBase | None:
    """Read what the base of `run` scored on a unit; where it has not every document of each task, say so."""
    base = finished_base(run, plan, [leaf.name for leaf in unit.leaves])
    if base is None:
        reporter.warn(
            f"{unit.name} cannot stop early: the base run has no complete scores on it.",
            "All its samples are evaluated.",
        )
    return base


def finished_base(run: RunDirectory, plan: BenchmarkPlan, leaves: Sequence[str]) -> FinishedBase | None:
    """Read what the base of `run` scored on these tasks; None when it has not every document of each."""
    results = _finished_results(run, plan)
    if results is None:
        return None
    files = sample_files(results.folder, results.stamp)
    asked: dict[str, Iterable[HashedDocument]] = {}
    values: dict[str, dict[int, dict[MetricName, float]]] = {}
    for leaf in leaves:
        if file_part(leaf) not in files:
            return None
        documents: dict[int, HashedDocument] = {}
        values[leaf] = {}
        facts = results.task(leaf)
        for sample in read_samples(files[file_part(leaf)], leaf):
            documents[sample.doc_id] = HashedDocument(sample.doc_id, sample.doc_hash, sample.prompt_hash)
            scores = values[leaf].setdefault(sample.doc_id, {})
            for metric, value in sample.values:
                number = float(value) if isinstance(value, int | float) else math.nan
                scores[MetricName(metric, sample.filter)] = number
        if facts is None or len(values[leaf]) < facts.n:
            return None  # lines of the file were lost
        asked[leaf] = documents.values()
    return FinishedBase(results.fingerprint, asked, values)


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
