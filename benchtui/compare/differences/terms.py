"""The paired documents behind any score: those of a task, or of all tasks of a group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchtui.compare.differences.difference import PairedTerms
from benchtui.compare.differences.groups import GroupTerms, group_terms
from benchtui.compare.differences.leaves import Leaf
from benchtui.evidence.records import Floats
from benchtui.results.records import RunResults, Score

Leaves = Mapping[tuple[str, str, str], Leaf]
"""By task, metric and filter."""


def terms_of(score: Score, first: RunResults, second: RunResults, leaves: Leaves) -> GroupTerms:
    """Return the paired documents behind a score of the `second` run, of a task or of all tasks of a group."""
    group = second.group(score.task)
    if group is not None:
        return group_terms(group, score, (first, second), leaves)
    return _leaf_terms(leaves[(score.task, score.metric, score.filter)])


def _leaf_terms(leaf: Leaf) -> GroupTerms:
    if leaf.paired is None or leaf.aggregation is None:
        return GroupTerms(leaf.pairing, None, leaf.why)
    ends = tuple(_terms(leaf, end) for end in leaf.completed or ())
    return GroupTerms(leaf.pairing, _terms(leaf, leaf.paired), completed=ends)


def _terms(leaf: Leaf, sides: tuple[Floats, Floats]) -> PairedTerms:
    """Return the summands of the paired documents, followed by those filled in for missing ones, if any."""
    assert leaf.aggregation is not None  # noqa: S101 - the caller looked
    same = leaf.same
    if same is not None and len(sides[0]) > len(same):
        same = np.concatenate([same, same.max() + 1 + np.arange(len(sides[0]) - len(same))])
    return PairedTerms(leaf.aggregation, *sides, same=same, bounded=leaf.bounded)
