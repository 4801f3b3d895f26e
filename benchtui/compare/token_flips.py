"""Chooses the documents whose tokens tell why a comparison came out as it did: those that changed side, and as many
that did not, to see them against."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from benchtui.compare.documents import PairedDocument, PairedDocuments, tasks_of
from benchtui.compare.records import Comparison, Row
from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import ChosenDocument
from benchtui.text import one_line
from benchtui.tokens.modes import Change

FEWEST_OTHERS = 50
"""How many documents that did not change side are wanted at least."""


def chosen_documents(
    comparison: Comparison, *, tasks: Collection[str] = (), others: int | None = None, seed: int = 1234
) -> tuple[ChosenDocument, ...]:
    """Return the documents that changed side under the main metric of a task, then some of the same tasks that did
    not, drawn by `seed`.

    `tasks` are the only tasks wanted, or groups of tasks, () for all; `others` is how many to draw, None for as many as
    changed and at least FEWEST_OTHERS. Tasks whose metric is not 0/1 have no sides. Raises BenchtuiError where nothing
    changed side, where no task has sides, or where samples are missing or damaged.
    """
    changed: dict[tuple[str, int], ChosenDocument] = {}
    same: dict[tuple[str, int], ChosenDocument] = {}
    for row, document in _sided(comparison, tasks):
        change: Change = document.change if document.change in ("fixed", "broken") else "same"
        kept = same if change == "same" else changed
        key = (document.task, document.doc_id)
        kept.setdefault(key, ChosenDocument(document.task, document.doc_id, row.filter, change))
    if not changed:
        raise BenchtuiError(_nothing(comparison, len(same)), "Compare two runs that differ, or leave out --flips.")
    parted = {task for task, _ in changed}
    wanted = max(len(changed), FEWEST_OTHERS) if others is None else others
    keys = sorted(key for key in same if key[0] in parted)
    drawn = np.random.default_rng(seed).permutation(len(keys))[:wanted]
    return (*changed.values(), *(same[keys[number]] for number in sorted(drawn.tolist())))


def _sided(comparison: Comparison, tasks: Collection[str]) -> Iterator[tuple[Row, PairedDocument]]:
    """The documents of every row whose metric tells right from wrong."""
    for row in comparison.headlines:
        wanted = not tasks or row.task in tasks
        if not wanted and not set(tasks).intersection(tasks_of(comparison.first, comparison.second, row)):
            continue
        documents = PairedDocuments(comparison.first, comparison.second, row).documents
        if all({document.first, document.second} <= {0.0, 1.0} for document in documents):
            yield from ((row, document) for document in documents if wanted or document.task in tasks)


def _nothing(comparison: Comparison, same: int) -> str:
    names = f"{one_line(comparison.first_name)} and {one_line(comparison.second_name)}"
    if same:
        return f"None of {same:,} documents is right in one of {names} and wrong in the other."
    return f"{names} share no task whose metric tells right from wrong, so that no document changed side."
