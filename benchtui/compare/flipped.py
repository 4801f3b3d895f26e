"""Returns the samples that changed side, with their texts, to show a person what training did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.compare.documents import Document, PairedDocument, PairedDocuments
from benchtui.compare.records import Comparison, Row


@dataclass(frozen=True)
class Flipped:
    """One document that was wrong in the first run and right in the second (`fixed`), or the other way round."""

    fixed: bool
    task: str
    first: Document
    second: Document


def flipped_samples(comparison: Comparison, row: Row, limit: int = 50) -> list[Flipped]:
    """Return the flips of a 0/1 metric, at most `limit`: fixed ones, then broken ones, half of each where there are
    enough.

    Empty for metrics that are not 0/1. Raises BenchtuiError when a sample file is damaged.
    """
    if row.flips is None:
        return []
    paired = PairedDocuments(comparison.first, comparison.second, row)
    fixed = [document for document in paired.documents if document.change == "fixed"]
    broken = [document for document in paired.documents if document.change == "broken"]
    return [
        Flipped(document.change == "fixed", document.task, *paired.read(document))
        for document in _some_of_each(fixed, broken, limit)
    ]


def _some_of_each(
    fixed: Sequence[PairedDocument], broken: Sequence[PairedDocument], limit: int
) -> list[PairedDocument]:
    take = min(len(fixed), max(limit // 2, limit - len(broken)))
    return [*fixed[:take], *broken[: limit - take]]
