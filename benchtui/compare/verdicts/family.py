"""Judges all headline rows together: corrected over every task that was asked, and for the looks of early stopping.

The family of tests is what was asked, not what was answered: a task that was decided early, that is not comparable or
that lost its result counts in Holm's correction as one with p = 1. If it were left out, the others would be judged at a
level that depends on the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from benchtui.compare.differences.difference import at_level
from benchtui.compare.records import Difference, Row
from benchtui.compare.verdicts.verdicts import decided_early, judge
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import FINAL_ALPHA, PRICE_OF_LOOKS
from benchtui.results.records import AskedTask, RunResults


def family(first: RunResults, second: RunResults, rows: Sequence[Row]) -> int:
    """Count the tasks that the two runs were both asked: the headline rows, and those that a run lost.

    A task that only one of them was asked does not count. Where no file says what a run was to answer (other tools), it
    is what the run has.
    """
    return sum(row.level == "headline" for row in rows) + sum(1 for _ in _lost(first, second, rows))


def _lost(first: RunResults, second: RunResults, rows: Sequence[Row]) -> Iterator[str]:
    """Return the names of tasks that both were asked and that no row is about."""
    compared = {row.task for row in rows}
    asked = {task.name: task for task in (*_asked(first), *_asked(second))}
    of_both = _everything(first) & _everything(second)
    for task in asked.values():
        if not task.within(of_both) or task.within(compared):
            continue
        yield from [leaf for leaf in task.leaves if leaf not in compared] if compared & {*task.leaves} else [task.name]


def _asked(results: RunResults) -> tuple[AskedTask, ...]:
    if results.asked:
        return results.asked
    groups = {group.name: group.leaves for group in results.groups}
    return tuple(AskedTask(name, groups.get(name, ())) for name in results.top_level)


def _everything(results: RunResults) -> set[str]:
    return {name for task in _asked(results) for name in (task.name, *task.leaves)}


def judged(rows: Sequence[Row], tests: int, *, looks: str) -> tuple[Row, ...]:
    """Add verdicts to the headlines of the rows, whose p-values are corrected over `tests` tasks; `looks` says why the
    result might have been taken at any of several looks, "" where it was not."""
    price = PRICE_OF_LOOKS if looks else 1.0
    p_values = [min(1.0, price * row.difference.p) for row in rows if _is_tested(row) and row.difference is not None]
    corrected = iter(holm(p_values, tests=tests))
    found = []
    for row in rows:
        if _is_tested(row) and row.difference is not None:
            found.append(_judge(row, row.difference, next(corrected), tests, looks))
        elif row.level == "headline" and row.early is not None:
            verdict = decided_early(row.early, higher_is_better=row.higher_is_better, is_share=row.is_share)
            found.append(msgspec.structs.replace(row, verdict=verdict))
        else:
            found.append(_at_final_level(row) if looks else row)
    return tuple(found)


def _is_tested(row: Row) -> bool:
    return row.level == "headline" and row.verdict is None and row.early is None


def _at_final_level(row: Row) -> Row:
    """Return a row that has no verdict with an interval at the headline's level."""
    if row.difference is None or row.level == "headline":
        return row
    return msgspec.structs.replace(row, difference=at_level(row.difference, FINAL_ALPHA))


def _judge(row: Row, found: Difference, p_holm: float, tests: int, looks: str) -> Row:
    at_its_level = at_level(found, FINAL_ALPHA if looks else found.alpha, tests)
    corrected = msgspec.structs.replace(at_its_level, p_holm=p_holm)
    why = f"one of {tests} tests" if tests > 1 else ""
    if looks:
        why = looks + (f", and {why}," if why else "")
    verdict = judge(corrected, higher_is_better=row.higher_is_better, is_share=row.is_share, corrected_for=why)
    return msgspec.structs.replace(row, difference=corrected, verdict=verdict)


def judged_among(row: Row, p_holm: float, tests: int) -> Row:
    """Return a row that has a test, judged as one of `tests` that were corrected together in another family than its
    comparison's. What it could have shown is left out: that would depend on the family."""
    assert row.tested is not None  # noqa: S101 - the caller looked
    found = msgspec.structs.replace(row.tested, p_holm=p_holm, detectable=None)
    why = f"one of {tests} tests" if tests > 1 else ""
    verdict = judge(found, higher_is_better=row.higher_is_better, is_share=row.is_share, corrected_for=why)
    return msgspec.structs.replace(row, difference=found, verdict=verdict)
