"""The difference of the mean over several tasks, from their documents.

Each task has the same part of the whole, whatever its size, and its documents share that part as they do in the task's
own score. Test and interval are then those of any weighted mean (`differences/difference.py`): Gaffke's bounds, for
which an unseen document counts as much as one of the smallest task. As for groups, documents of all tasks are treated
as of one kind: where tasks changed differently, standard error and interval are too wide rather than too narrow. Scores
that are no means (F1) enter by the jackknife's pseudo-values. Documents of tasks that ask the same questions are one
unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from benchtui.compare.differences.difference import PairedTerms, at_level, difference, with_missing
from benchtui.compare.differences.groups import GroupTerms
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.differences.repeated import joined, parallel
from benchtui.compare.leaderboard.records import MEAN
from benchtui.compare.records import Difference, Kind, Pairing, Row, Side
from benchtui.compare.verdicts.verdicts import not_comparable
from benchtui.evidence.means import mean_interval, pseudo_values, scale_of, units_of
from benchtui.evidence.records import FINAL_ALPHA, Floats, Integers, Interval


class MeanPart(msgspec.Struct, frozen=True):
    """One task of a mean: its row, its paired documents and their reference answers (hashes; none for groups), and in
    a few words why it cannot be compared ("" where it can)."""

    row: Row
    terms: GroupTerms
    targets: tuple[str, ...] = ()
    reason: str = ""


class _Weighted(msgspec.Struct, frozen=True):
    """All documents, (documents, 2) in both runs: what each adds to the mean, and its part of the whole. Equal numbers
    in `same` are one unit."""

    first: Floats
    second: Floats
    same: Integers
    bounded: bool


def mean_row(parts: Sequence[MeanPart], *, watched: bool) -> tuple[Row, str]:
    """Compare the mean of the tasks in both runs; also returns in a few words why it cannot be compared, "" where it
    can. The p-value is that of this pair alone; `watched` as in `Comparison`."""
    bare = bare_row(parts)
    if why := why_not(parts):
        return msgspec.structs.replace(bare, verdict=not_comparable(why, None, is_share=True)), why
    whole = _weighted(parts, [part.terms.terms for part in parts])
    found = _difference(whole)
    if bare.pairing.missing:
        ends = [[p.terms.completed[end] if p.terms.completed else p.terms.terms for p in parts] for end in (0, 1)]
        found = with_missing(found, [_difference(_weighted(parts, end)) for end in ends], bare.pairing.missing)
    else:
        first, second = (_own_interval(side, bounded=whole.bounded) for side in _sides(whole))
        bare = msgspec.structs.replace(
            bare,
            first=msgspec.structs.replace(bare.first, interval=first),
            second=msgspec.structs.replace(bare.second, interval=second),
        )
    return msgspec.structs.replace(bare, difference=at_level(found, FINAL_ALPHA) if watched else found), ""


def bare_row(parts: Sequence[MeanPart]) -> Row:
    """Return the row of a mean without its difference."""
    pairing = Pairing(0, 0, 0, 0)
    for part in parts:
        pairing = pairing.plus(part.row.pairing)
    return Row(
        task=MEAN,
        title=f"Mean of {len(parts)} tasks",
        metric=MEAN,
        filter="none",
        level="headline",
        depth=0,
        higher_is_better=True,
        is_share=True,
        first=_side([part.row.first for part in parts]),
        second=_side([part.row.second for part in parts]),
        pairing=pairing,
        difference=None,
        verdict=None,
        population="new samples of these tasks",
        tasks=len(parts),
    )


def _side(sides: Sequence[Side]) -> Side:
    errors = [side.stderr for side in sides if side.stderr is not None]
    stderr = math.hypot(*errors) / len(sides) if len(errors) == len(sides) else None
    value = sum(side.value for side in sides) / len(sides)
    return Side(value, stderr, None, sum(side.n for side in sides), sum(side.total for side in sides))


def why_not(parts: Sequence[MeanPart]) -> str:
    """Say in a few words why the mean cannot be compared; "" where it can."""
    for part in parts:
        row = part.row
        if row.early is not None or row.stopped:
            return f"{row.title} stopped early"
        if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
            return f"{row.title}: {part.reason or row.verdict.sentence}"
        if part.terms.terms is None:
            return f"{row.title}: {part.terms.why}"
        if part.terms.terms.aggregation.resampled:
            return f"{row.title} is scored over all texts at once"
    missing = any(part.terms.pairing.missing for part in parts)
    if missing and any(_alike(a, b) for number, a in enumerate(parts) for b in parts[:number]):
        return "tasks ask the same questions, and samples are missing"
    return ""


def _alike(a: MeanPart, b: MeanPart) -> bool:
    return bool(a.targets and b.targets) and parallel([a.targets, b.targets])


def contributions(parts: Sequence[MeanPart]) -> tuple[Floats, Floats, Floats]:
    """Return what each document adds to the mean in the first and in the second run, and its share of the whole,
    (documents,) each. `why_not` says where that is impossible."""
    first, second = _sides(_weighted(parts, [part.terms.terms for part in parts]))
    return first[:, 0], second[:, 0], first[:, 1]


def _weighted(parts: Sequence[MeanPart], terms: Sequence[PairedTerms | None]) -> _Weighted:
    sides: list[tuple[Floats, Floats]] = []
    same: list[Integers] = []
    bounded = True
    for number, (part, found) in enumerate(zip(parts, terms, strict=True)):
        assert found is not None  # noqa: S101 - `why_not` looked
        sides.append(_shared_out(found, 1 / len(parts)))
        twin = next((other for other in range(number) if _alike(part, parts[other])), None)
        offset = sum(len(each) for each in same)
        same.append(same[twin] if twin is not None else offset + _numbers(found))
        bounded = bounded and found.bounded and found.aggregation.mean
    first, second = (np.concatenate([side[run] for side in sides]) for run in (0, 1))
    return _Weighted(first, second, np.unique(np.concatenate(same), return_inverse=True)[1].astype(np.int64), bounded)


def _numbers(terms: PairedTerms) -> Integers:
    return np.arange(len(terms.first)) if terms.same is None else terms.same


def _shared_out(terms: PairedTerms, share: float) -> tuple[Floats, Floats]:
    """Return the summands of a task so that its documents together are `share` of the whole."""
    first, second = terms.first, terms.second
    if not terms.aggregation.mean:
        first, second = (
            np.stack([pseudo_values(side, terms.aggregation.combine), np.ones(len(side))], axis=1)
            for side in (first, second)
        )
    weights = np.ones(len(first)) if terms.weights is None else terms.weights
    scale = (share * weights / np.sum(first[:, 1] * weights))[:, None]
    return first * scale, second * scale


def _sides(whole: _Weighted) -> tuple[Floats, Floats]:
    return joined(whole.first, whole.same), joined(whole.second, whole.same)


def _difference(whole: _Weighted) -> Difference:
    first, second = _sides(whole)
    terms = PairedTerms(AGGREGATIONS[0], first, second, weights=np.ones(len(first)), bounded=whole.bounded)
    return msgspec.structs.replace(difference(terms), n=len(whole.first))


def _own_interval(side: Floats, *, bounded: bool) -> Interval | None:
    each = side[:, 0] / side[:, 1]
    units = units_of(side[:, 0], side[:, 1] / side[:, 1].sum(), scale_of(each) if bounded else None, weighted=True)
    return mean_interval(units) if units is not None else None
