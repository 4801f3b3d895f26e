"""Evaluating until the comparison with the base is decided: shuffled documents, looked at after each few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from benchtui.compare.sequential import EARLY_ALPHA, DecideEarly, stratified_order
from benchtui.errors import BenchtuiError
from benchtui.results.locate import file_part, sample_files
from benchtui.results.primary import primary
from benchtui.results.read import read_run
from benchtui.results.records import EarlyStop, RunResults
from benchtui.results.samples import read_samples
from benchtui.runs.directory import BENCHMARKS, RunDirectory, named_base
from benchtui.runs.plan import RunPlan
from benchtui.worker.report import Reporter
from benchtui.worker.task_run import TaskRun

DOCUMENTS_A_LOOK = 32
DOCUMENTS_A_LEAF = 8
"""Looking costs nothing in certainty; asking fewer at once would leave batches half empty."""


@dataclass(frozen=True)
class BaseScores:
    """The base's score of each document of some leaf tasks: {leaf: {document: scores in doc_id order}}.

    A document is told by the hashes of its content and of its prompt: only what was asked in the same words is paired.
    Equal documents share them, so each has a list. `fingerprint` is the base run's.
    """

    metric: str
    filter: str
    fingerprint: str
    values: dict[str, dict[str, list[float]]]


def base_scores(run: RunDirectory, plan: RunPlan, leaves: Sequence[str]) -> BaseScores | None:
    """What the run's base scored on these tasks; None when it lacks one of them or scores are not between 0 and 1."""
    results = _base_results(run, plan)
    if results is None:
        return None
    first = results.scores_of(leaves[0])
    if not first:
        return None
    chosen = primary(first)
    files = sample_files(results.folder, results.stamp)
    values: dict[str, dict[str, list[float]]] = {}
    for leaf in leaves:
        if file_part(leaf) not in files:
            return None
        found: dict[str, list[float]] = {}
        ordered = sorted(read_samples(files[file_part(leaf)], leaf), key=lambda sample: sample.doc_id)
        for sample in ordered:
            value = dict(sample.values).get(chosen.metric)
            if sample.filter != chosen.filter or isinstance(value, list) or value is None or not 0 <= value <= 1:
                if sample.filter == chosen.filter:
                    return None
                continue
            found.setdefault(sample.doc_hash + sample.prompt_hash, []).append(float(value))
        values[leaf] = found
    return BaseScores(chosen.metric, chosen.filter, results.fingerprint, values)


def _base_results(run: RunDirectory, plan: RunPlan) -> RunResults | None:
    benchmarks = next((parent for parent in run.path.parents if parent.name == BENCHMARKS), None)
    base = named_base(benchmarks, plan) if benchmarks else None
    if base is None:
        return None
    try:
        results = read_run(base)
    except BenchtuiError:
        return None  # the base left nothing: this run is then evaluated in full
    return results if not results.partial else None


def ask_until_decided(
    name: str, runners: dict[str, TaskRun], base: BaseScores, plan: RunPlan, reporter: Reporter
) -> EarlyStop | None:
    """Ask the leaf tasks of `name` in one shuffled order (stratified by leaf) until the paired difference is decided.

    Returns the decision, None when all documents were needed and it is the full comparison that counts. The chance of
    a wrong decision is shared between the plan's tasks. The order depends on the seed and the sizes only, so a resumed
    run goes on in it.
    """
    documents = {leaf: runner.paired_documents(base.values[leaf]) for leaf, runner in runners.items()}
    total = sum(len(pairs) for pairs in documents.values())
    if total < 2:
        _ask_everything(runners)
        return None
    leaves = list(runners)
    order = stratified_order([len(documents[leaf]) for leaf in leaves], plan.prompts.seeds[0])
    watch = DecideEarly(total, (plan.decide_early or 0.0) / 100, EARLY_ALPHA / len(plan.tasks))
    for look in _looks(order, max(DOCUMENTS_A_LOOK, DOCUMENTS_A_LEAF * len(leaves))):
        for stratum, leaf in enumerate(leaves):
            wanted = [documents[leaf][at].doc_id for number, at in look if number == stratum]
            if wanted:
                runners[leaf].ask(frozenset(wanted))
        for stratum, at in look:
            pair = documents[leaves[stratum]][at]
            scored = runners[leaves[stratum]].value(pair.doc_id, base.metric, base.filter)
            if scored is not None:  # a document given up on tells nothing
                watch.add(scored - pair.base)
        if watch.n < watch.total and watch.decision() is not None:
            stop = msgspec.structs.replace(
                watch.record(name, base.metric, base.filter), base_fingerprint=base.fingerprint
            )
            sides = {
                "better": "better than the base",
                "worse": "worse than the base",
                "within": "no relevant difference",
            }
            low, high = 100 * stop.low, 100 * stop.high
            reporter.decision(
                f"decided early: {name}",
                f"{sides[stop.decision]}, at {stop.n} of {stop.total} documents",
                f"the difference is between {low:+.1f} and {high:+.1f} points",
            )
            return stop
    _ask_everything(runners)
    return None


def _ask_everything(runners: dict[str, TaskRun]) -> None:
    """Also the documents that the base has no score for."""
    for runner in runners.values():
        runner.ask()


def _looks(order: Sequence[tuple[int, int]], documents: int) -> Iterator[Sequence[tuple[int, int]]]:
    for start in range(0, len(order), documents):
        yield order[start : start + documents]
