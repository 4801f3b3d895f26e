"""Two runs as if some documents had never been asked: their scores over the rest, from the samples on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from benchtui.compare.differences.groups import weighted_by_size
from benchtui.compare.differences.leaves import SampleSource, scored_terms
from benchtui.results.records import Group, Partial, RunResults, Score, TaskFacts
from benchtui.results.samples import Sample

LeftOut = Mapping[str, frozenset[str]]
"""Task -> the hashes of the documents that do not count."""


def without_documents(first: RunResults, second: RunResults, left_out: LeftOut) -> tuple[RunResults, RunResults]:
    """Return both runs without the documents `left_out`, ready to be compared like any others.

    A score is missing from them where it cannot be computed again: its samples do not reproduce lm-eval's, no document
    is left, or its task stopped early, at a moment that all its documents decided. Raises BenchtuiError naming a
    damaged sample file.
    """
    runs = first, second
    affected = [task.name for task in second.tasks if left_out.get(task.name)]
    samples = {name: (SampleSource(first).read(name), SampleSource(second).read(name)) for name in affected}
    asked = {
        name: {sample.doc_id for side in both for sample in side if sample.doc_hash in left_out[name]}
        for name, both in samples.items()
    }
    found = []
    for side, results in enumerate(runs):
        of_side = {name: both[side] for name, both in samples.items()}
        leaves = list(_leaf_scores(results, of_side, left_out))
        groups = list(_group_scores(runs, side, leaves, affected))
        found.append(
            msgspec.structs.replace(
                results,
                scores=tuple(leaves + groups),
                tasks=tuple(_facts(task, of_side, asked, left_out) for task in results.tasks),
                partial=tuple(_partial(partial, of_side, asked, left_out) for partial in results.partial),
                health={},
                spreads={name: spread for name, spread in results.spreads.items() if name not in affected},
                left_out={name: left_out[name] for name in affected},
            )
        )
    return found[0], found[1]


def _leaf_scores(results: RunResults, samples: Mapping[str, list[Sample]], left_out: LeftOut) -> Iterator[Score]:
    groups = {group.name for group in results.groups}
    for score in results.scores:
        if score.task in groups:
            continue
        if score.task not in samples:
            yield score
            continue
        if results.early_of_any(score.task):
            continue
        under = [sample for sample in samples[score.task] if sample.filter == score.filter]
        scored = scored_terms(results, score, under)
        keep = np.array([sample.doc_hash not in left_out[score.task] for sample in under], dtype=bool)
        if scored is None or not keep.any():
            continue
        with np.errstate(all="ignore"):
            value = float(scored.aggregation.combine(scored.terms[keep].sum(axis=0)))
        gone = int((~keep).sum())
        yield msgspec.structs.replace(
            score, value=value, stderr=None, n=int(keep.sum()), total=max(score.total - gone, int(keep.sum()))
        )


def _group_scores(
    runs: tuple[RunResults, RunResults], side: int, leaves: list[Score], affected: list[str]
) -> Iterator[Score]:
    """Yield the scores of groups, their tasks weighted as lm-eval weights them; not those of groups with a task whose
    score is missing."""
    by_key = {(score.task, score.metric, score.filter): score for score in leaves}
    for group in runs[side].groups:
        for score in runs[side].scores_of(group.name):
            if not set(affected).intersection(group.leaves):
                yield score
                continue
            if any(results.score(score.task, score.metric, score.filter) is None for results in runs):
                continue
            by_size = weighted_by_size(group, score, runs)
            parts = _parts(group, score, runs[side], by_key)
            if by_size is None or not parts:
                continue
            sizes = np.array([part.n for part in parts], dtype=np.float64)
            value = float(np.average([part.value for part in parts], weights=sizes if by_size else None))
            n, total = sum(part.n for part in parts), sum(part.total for part in parts)
            yield msgspec.structs.replace(score, value=value, stderr=None, n=n, total=total)


def _parts(
    group: Group, score: Score, results: RunResults, by_key: Mapping[tuple[str, str, str], Score]
) -> list[Score]:
    """Return the scores of a group's tasks; none where one of them has none any more."""
    wanted = [leaf for leaf in group.leaves if results.score(leaf, score.metric, score.filter) is not None]
    found = [by_key.get((leaf, score.metric, score.filter)) for leaf in wanted]
    return [] if None in found else [part for part in found if part is not None]


def _gone(task: str, samples: Mapping[str, list[Sample]], left_out: LeftOut) -> int:
    """Return how many documents of a task that do not count a run answered."""
    return len({sample.doc_id for sample in samples[task] if sample.doc_hash in left_out[task]})


def _facts(
    task: TaskFacts, samples: Mapping[str, list[Sample]], asked: Mapping[str, set[int]], left_out: LeftOut
) -> TaskFacts:
    if task.name not in samples:
        return task
    gone = _gone(task.name, samples, left_out)
    return msgspec.structs.replace(task, n=task.n - gone, total=task.total - len(asked[task.name]))


def _partial(
    partial: Partial, samples: Mapping[str, list[Sample]], asked: Mapping[str, set[int]], left_out: LeftOut
) -> Partial:
    if partial.task not in samples:
        return partial
    gone = _gone(partial.task, samples, left_out)
    return msgspec.structs.replace(
        partial, done=partial.done - gone, total=partial.total - len(asked[partial.task]),
        unanswered=tuple(doc_id for doc_id in partial.unanswered if doc_id not in asked[partial.task]),
    )  # fmt: skip
