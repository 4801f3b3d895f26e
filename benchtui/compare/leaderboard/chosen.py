"""Tells how much of the leader's score is due to its being chosen by it, from the samples of all that could have been.

Reads the samples of at most MOST candidates of a column, the best ones: one that is further down never is the best on
half of the documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchtui.compare.differences.groups import weighted_by_size
from benchtui.compare.differences.leaves import SampleSource, ScoredTerms, scored_terms
from benchtui.compare.differences.questions import questions
from benchtui.compare.leaderboard.best import contenders
from benchtui.compare.leaderboard.cells import tasks_of
from benchtui.compare.leaderboard.records import Candidate, Column, Leaderboard
from benchtui.compare.leaderboard.store import PairStore
from benchtui.errors import BenchtuiError
from benchtui.evidence.winners_curse import Choice, shrinkage
from benchtui.results.read import read_run
from benchtui.results.records import Score
from benchtui.results.samples import Sample

MOST = 64
"""Candidates that take part."""


class _Leaf(msgspec.Struct, frozen=True):
    """One task of one run, no group: what each document asks, what its score is made of, its weight in the whole."""

    asked: tuple[str, ...]
    scored: ScoredTerms
    weight: float


Leaves = Mapping[str, _Leaf]
"""By the task's name."""


class Told(msgspec.Struct, frozen=True):
    """What the samples tell of one column's leader."""

    shrinkage: float | None


def shrinkages_of(board: Leaderboard) -> dict[str, float | None]:
    """Estimate for each column, by its task, how much less good the leader is expected to be on other samples (see
    `Best`); None where it cannot be told. What was read of the same files before is known.

    A candidate whose samples cannot be read, or do not give its score, does not take part.
    """
    store, found = PairStore(Told), dict[str, float | None]()
    for number, column in enumerate(board.columns):
        chosen = [board.candidates[place] for place in contenders(board, number)[:MOST]]
        runs = [run for candidate in chosen for run in _runs(candidate, tasks_of(column))]
        what = f"shrinkage of {column} by {[len(candidate.seeds) for candidate in chosen]}"
        kept = store.find([(what, runs)]) if len(chosen) > 1 else {0: Told(None)}
        if not kept:
            kept = {0: Told(_shrinkage(column, chosen))}
            store.keep(what, runs, kept[0])
        found[column.task] = kept[0].shrinkage
    return found


def _runs(candidate: Candidate, tasks: Sequence[str]) -> list[Path]:
    seeds = candidate.seeds or (candidate,)
    return [run for seed in seeds for task in tasks if (run := seed.runs.get(task)) is not None]


def _shrinkage(column: Column, candidates: Sequence[Candidate]) -> float | None:
    read = [_of_candidate(candidate, tasks_of(column)) for candidate in candidates]
    fitting = [leaves for leaves in read if leaves and read[0] and _fits(leaves, read[0])]
    if len(fitting) < 2:
        return None
    return shrinkage([_choice(name, fitting) for name in fitting[0][0]], higher_is_better=column.higher_is_better)


def _of_candidate(candidate: Candidate, tasks: Sequence[str]) -> list[Leaves]:
    """Return the tasks of each seed of a candidate, empty where one of them lacks something."""
    found = list[Leaves]()
    for seed in candidate.seeds or (candidate,):
        leaves: dict[str, _Leaf] = {}
        for task in tasks:
            outcome, run = seed.outcome(task), seed.runs.get(task)
            of_task = _of_run(run, task, outcome.metric) if run is not None and outcome is not None else {}
            if not of_task:
                return []
            leaves |= {
                name: msgspec.structs.replace(leaf, weight=leaf.weight / len(tasks)) for name, leaf in of_task.items()
            }
        found.append(leaves)
    return found


def _of_run(run: Path, task: str, metric: str) -> Leaves:
    """Return a task, or all tasks of a group, empty where the samples do not give the score."""
    try:
        results = read_run(run)
        score = next((score for score in results.scores_of(task) if score.key == metric), None)
        return _leaves(SampleSource(results), score) if score is not None else {}
    except BenchtuiError:
        return {}


def _leaves(source: SampleSource, score: Score) -> Leaves:
    results = source.results
    group = results.group(score.task)
    if group is None:
        scores, weights = [score], [1.0]
    else:
        scores = [s for name in group.leaves if (s := results.score(name, score.metric, score.filter)) is not None]
        by_size = weighted_by_size(group, score, [results])
        if by_size is None:
            return {}
        total = sum(each.n for each in scores)
        weights = [each.n / total if by_size else 1 / len(scores) for each in scores]
    found = {}
    for each, weight in zip(scores, weights, strict=True):
        samples = [sample for sample in source.read(each.task) if sample.filter == each.filter]
        scored = scored_terms(results, each, samples)
        if scored is None or not np.isfinite(scored.terms).all():
            return {}
        found[each.task] = _Leaf(_asked(source, each.task, samples), scored, weight)
    return found


def _asked(source: SampleSource, task: str, samples: Sequence[Sample]) -> tuple[str, ...]:
    if not all(sample.doc_hash for sample in samples):
        return tuple(str(sample.doc_id) for sample in samples)
    facts = source.results.task(task)
    own = source.file(task) if facts is not None and facts.dataset == "parquet" else None
    return tuple(questions(own, samples))


def _fits(some: Sequence[Leaves], others: Sequence[Leaves]) -> bool:
    """Return whether two candidates have the same tasks, with scores that are made in the same way."""
    ways = [{name: leaf.scored.aggregation.name for name, leaf in leaves.items()} for leaves in (*some, *others)]
    return all(way == ways[0] for way in ways)


def _choice(task: str, candidates: Sequence[Sequence[Leaves]]) -> Choice:
    """Put the documents of all candidates together. What asks the same is one document, and seeds of one candidate add
    up."""
    places: dict[str, int] = {}
    for seeds in candidates:
        for leaves in seeds:
            for asked in leaves[task].asked:
                places.setdefault(asked, len(places))
    like = candidates[0][0][task]
    terms = np.zeros((len(places), len(candidates), like.scored.terms.shape[1]))
    for number, seeds in enumerate(candidates):
        for leaves in seeds:
            leaf = leaves[task]
            np.add.at(terms, ([places[asked] for asked in leaf.asked], number), leaf.scored.terms)
    return Choice(terms, like.scored.aggregation.combine, like.weight)
