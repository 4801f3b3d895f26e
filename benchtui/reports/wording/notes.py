"""Words for what a reader must know beside the numbers of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.compare.differences.populations import about
from benchtui.compare.health import health_notes
from benchtui.compare.records import Comparison, Row
from benchtui.compare.speed import smaller_but_slower


def notes(comparison: Comparison) -> list[str]:
    """Return everything a reader must know beside the numbers, each a sentence without a full stop."""
    return list(dict.fromkeys((*health_notes(comparison), *run_notes(comparison))))


def run_notes(comparison: Comparison) -> list[str]:
    """Return the same without notes about models and answers: how the runs ended, and how they differ."""
    found: dict[str, None] = dict.fromkeys(comparison.warnings)
    found.update(dict.fromkeys(f"Runs differ in {words}" for words in comparison.settings))
    for row in comparison.headlines:
        found.update(dict.fromkeys(f"{row.title}: runs differ in {words}" for words in row.notes))
    found.update(dict.fromkeys(comparison.missing))
    if slower := smaller_but_slower(comparison):
        found[slower] = None
    return list(found)


def populations(comparison: Comparison) -> str:
    """Return what the intervals and verdicts of the headlines are about, in one sentence; "" without any."""
    return about("Intervals and verdicts", ((row.population, row.title) for row in comparison.headlines))


def p_note(comparison: Comparison, rows: Sequence[Row]) -> str:
    """Return what the p-values of a table of `rows` are: corrected over the tasks, for looks, or neither."""
    tested = [row.tested for row in rows if row.tested is not None]
    why = [f"{comparison.tests} tests (Holm)"] if comparison.tests > 1 else []
    why += ["the early looks"] if comparison.watched else []
    corrected = any(each.p_holm is not None for each in tested)
    said = [f"p of each task is corrected for {' and '.join(why)}"] if why and corrected else []
    said += ["p in brackets is not corrected"] if any(each.p_holm is None for each in tested) else []
    return f"{'; '.join(said)}." if said else ""
