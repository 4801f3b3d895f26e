"""Group scores (MMLU and its categories) recomputed from samples, with lm-eval's own weighting.

A group's difference is about its own tasks: they are fixed and their documents are the sample, as for early stopping.
Documents are then treated as independent ones of a single kind, though those of one task belong together: with fixed
tasks that errs on the safe side. Var(sum) is the sum of n_k (c_k - d_k^2) over the tasks, for the share c_k of
documents that change and the difference d_k; documents of a single kind with the same means have n (c - d^2), which is
larger by the spread of the d_k. tests/evidence/simulation_groups.py shows it for effects that cancel out. Tasks that
ask the same questions (a set in several languages) are the exception: a question is then one unit. What holds for other
tasks of this kind is a different question: benchtui/compare/differences/new_tasks.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchtui.compare.differences.difference import PairedTerms
from benchtui.compare.differences.leaves import Leaf
from benchtui.compare.differences.metrics import TOLERANCE
from benchtui.compare.differences.repeated import parallel
from benchtui.compare.records import Pairing
from benchtui.results.records import Group, RunResults, Score


class GroupTerms(msgspec.Struct, frozen=True):
    """The paired documents of a group's leaf tasks under one metric; where they are missing, `terms` is None and `why`
    says it.

    `completed` are the terms with missing documents filled in (see `Leaf`), empty where none is missing or it is
    impossible. `names` are those of a group's tasks, in the order of `PairedTerms.sizes`.
    """

    pairing: Pairing
    terms: PairedTerms | None
    why: str = ""
    completed: tuple[PairedTerms, ...] = ()
    names: tuple[str, ...] = ()


def weighted_by_size(group: Group, score: Score, runs: Sequence[RunResults]) -> bool | None:
    """Return whether a group's score is its tasks' mean by size (True) or plain (False); None when it is neither.

    lm-eval does not store a group's configuration, but the score shows it; where all tasks of one run have the same
    score, so that both means agree, the score of the other run does.
    """
    found = [_is_by_size(group, score, results) for results in runs]
    return None if None in found else all(found)


def _is_by_size(group: Group, score: Score, results: RunResults) -> bool | None:
    mine = results.score(score.task, score.metric, score.filter)
    leaves = [leaf for name in group.leaves if (leaf := results.score(name, score.metric, score.filter)) is not None]
    if not leaves or mine is None:
        return None
    sizes = np.array([leaf.n for leaf in leaves], dtype=np.float64)
    values = np.array([leaf.value for leaf in leaves])
    if sizes.sum() and math.isclose(float(np.average(values, weights=sizes)), mine.value, abs_tol=TOLERANCE):
        return True
    return False if math.isclose(float(values.mean()), mine.value, abs_tol=TOLERANCE) else None


def group_terms(
    group: Group, score: Score, runs: tuple[RunResults, RunResults], leaves: Mapping[tuple[str, str, str], Leaf]
) -> GroupTerms:
    """Collect the paired documents of `group` under `score`'s metric, weighted as lm-eval weights its tasks."""
    wanted = [runs[1].score(name, score.metric, score.filter) for name in group.leaves]
    scores = [leaf for leaf in wanted if leaf is not None]
    found = [leaves[key] for s in scores if (key := (s.task, s.metric, s.filter)) in leaves]
    pairing = Pairing(0, 0, 0, 0)
    for leaf in found:
        pairing = pairing.plus(leaf.pairing)
    by_size = weighted_by_size(group, score, runs)
    if by_size is None:
        return GroupTerms(pairing, None, f"{group.name} is neither a plain nor a sized mean of its tasks")
    if len(found) < len(scores):
        return GroupTerms(pairing, None, f"only {len(found)} of {len(scores)} tasks of {group.name} are in both runs")
    lacking = next((leaf for leaf in found if leaf.paired is None), None)
    if lacking is not None or not found:
        return GroupTerms(pairing, None, (lacking.why if lacking else "") or "no samples could be paired")
    together = _together(found, pairing, by_size=by_size)
    ends = [_together(_with_missing(found, end), pairing, by_size=by_size).terms for end in (0, 1)]
    can_be = all(leaf.completed is not None or not leaf.pairing.missing for leaf in found)
    completed = tuple(terms for terms in ends if terms is not None) if pairing.missing and can_be else ()
    return msgspec.structs.replace(together, completed=completed)


def _with_missing(leaves: Sequence[Leaf], end: int) -> list[Leaf]:
    return [msgspec.structs.replace(leaf, paired=leaf.completed[end]) if leaf.completed else leaf for leaf in leaves]


def _together(found: Sequence[Leaf], pairing: Pairing, *, by_size: bool) -> GroupTerms:
    aggregation = found[0].aggregation
    if aggregation is None or not aggregation.mean or any(leaf.aggregation != aggregation for leaf in found):
        return GroupTerms(pairing, None, "its tasks' scores are not means")
    pairs = [leaf.paired for leaf in found if leaf.paired is not None]
    sizes = [len(first) for first, _ in pairs]
    same = np.tile(np.arange(sizes[0]), len(sizes)) if parallel([leaf.targets for leaf in found]) else None
    if same is not None and pairing.missing:
        return GroupTerms(pairing, None, "its tasks ask the same questions, and some of their samples are missing")
    weights = None if by_size or same is not None else np.repeat([1 / size for size in sizes], sizes)
    return GroupTerms(
        pairing,
        PairedTerms(
            aggregation,
            np.concatenate([first for first, _ in pairs]),
            np.concatenate([second for _, second in pairs]),
            weights=weights,
            sizes=tuple(sizes),
            same=same,
            bounded=all(leaf.bounded for leaf in found),
        ),
        names=tuple(leaf.second_score.task for leaf in found),
    )
