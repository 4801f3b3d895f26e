"""What a group of tasks shows about new tasks of its kind: its tasks are then the sample, each counted alike.

The group's own difference treats its tasks as fixed (compare/differences/groups.py); it may be shown while this is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchtui.compare.differences.difference import PairedTerms, at_level, two_sided, with_missing
from benchtui.compare.differences.groups import GroupTerms
from benchtui.compare.records import Difference, Row
from benchtui.compare.verdicts.verdicts import supported
from benchtui.compare.wording import interval_words, size_words
from benchtui.evidence.corrections import holm
from benchtui.evidence.pooling import Shrunk, effects, shrink
from benchtui.evidence.records import ALPHA, PRICE_OF_LOOKS, Floats

TYPICAL = "means of subsets of the tasks"
"""The test's name: it only assumes that the effects of tasks are symmetric around their centre."""


def new_tasks(terms: GroupTerms, alpha: float = ALPHA) -> Difference | None:
    """Compute the mean difference over tasks of this kind; None for what is no group, and where there are too few tasks
    for any outcome to be shown at `alpha`. With missing documents it holds whatever their scores had been."""
    if terms.terms is None or not terms.terms.sizes:
        return None
    found = _over_tasks(terms.terms)
    if terms.completed:
        found = with_missing(found, [_over_tasks(each) for each in terms.completed], terms.pairing.missing)
    levelled = at_level(msgspec.structs.replace(found, p=two_sided(found)), alpha)
    return levelled if levelled.interval is not None else None


def _over_tasks(terms: PairedTerms) -> Difference:
    first, second = (_by_task(side, terms.sizes) for side in (terms.first, terms.second))
    moved, tasks = second - first, len(first)
    return Difference(
        n=len(terms.first),
        clusters=tasks,
        first=float(first.mean()),
        second=float(second.mean()),
        value=float(moved.mean()),
        stderr=float(moved.std(ddof=1) / np.sqrt(tasks)) if tasks > 1 else None,
        interval=None,
        p=1.0,
        method=TYPICAL,
        detectable=None,
        tasks=tuple(moved.tolist()),
    )


def _by_task(side: Floats, sizes: Sequence[int]) -> Floats:
    """Return each task's own score, (tasks,)."""
    sums = np.add.reduceat(side, np.cumsum([0, *sizes])[:-1], axis=0)
    return np.asarray(sums[:, 0] / sums[:, 1])


def shrunk_tasks(terms: GroupTerms, alpha: float = ALPHA) -> Mapping[str, Shrunk]:
    """Return the difference of each task of a group, by its name, estimated together with the others; none where
    documents are missing, whose scores could be anything."""
    if terms.terms is None or terms.pairing.missing:
        return {}
    first, second, sizes = terms.terms.first, terms.terms.second, terms.terms.sizes
    moved = (second[:, 0] / second[:, 1]) - (first[:, 0] / first[:, 1])
    found = shrink(*effects(moved, np.repeat(np.arange(len(sizes)), sizes)), alpha)
    return dict(zip(terms.names, found, strict=False))


def judge_new_tasks(rows: Sequence[Row], tests: int, *, watched: bool) -> tuple[Row, ...]:
    """Correct the p-values for new tasks of the headline groups over all `tests` headlines (Holm), and add a sentence
    to the verdict where new tasks and the group's own tasks lead to different conclusions."""
    asked = [row for row in rows if row.level == "headline" and row.new_tasks is not None]
    price = PRICE_OF_LOOKS if watched else 1.0
    p_values = [min(1.0, price * row.new_tasks.p) for row in asked if row.new_tasks is not None]
    corrected = holm(p_values, tests=tests)
    judged = {row.task: _corrected(row, p) for row, p in zip(asked, corrected, strict=True)}
    return tuple(_told(judged.get(row.task, row)) if row.level == "headline" else row for row in rows)


def _corrected(row: Row, p_holm: float) -> Row:
    assert row.new_tasks is not None  # noqa: S101 - only those are asked about
    return msgspec.structs.replace(row, new_tasks=msgspec.structs.replace(row.new_tasks, p_holm=p_holm))


def _told(row: Row) -> Row:
    words = _disagreement(row)
    if row.verdict is None or not words:
        return row
    verdict = msgspec.structs.replace(row.verdict, sentence=f"{row.verdict.sentence} {words}")
    return msgspec.structs.replace(row, verdict=verdict)


def _disagreement(row: Row) -> str:
    """Return what is shown for a group's own tasks only, or for new ones only; "" where both agree."""
    if not row.tasks or row.verdict is None or row.tested is None:
        return ""
    here = row.verdict.kind.is_gain - row.verdict.kind.is_loss
    if row.new_tasks is None:
        return f"Shown for these {row.tasks} tasks, which are too few to speak of new ones." if here else ""
    found = row.new_tasks
    size = size_words(found.value, is_share=row.is_share)
    shown = f"{size}, {interval_words(found.interval, is_share=row.is_share, alpha=found.alpha)}"
    there = (1 if (found.value > 0) == row.higher_is_better else -1) if supported(found) else 0
    if here == there:
        return ""
    if not there:
        return f"Shown for these {row.tasks} tasks; for new tasks inconclusive ({shown})."
    word = "better" if there > 0 else "worse"
    return f"{'Shown' if here else 'Inconclusive'} for these {row.tasks} tasks; for new tasks {word} ({shown})."
