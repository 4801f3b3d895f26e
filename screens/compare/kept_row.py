"""What is kept of a document as a test of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.compare.records import Comparison, Row
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import run_name
from benchtui.tasks.data.capture import KeptRow
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.compare.documents import Document, PairedDocument

TYPED = 2000
"""Characters that a line to type in shows."""


def kept_row(
    comparison: Comparison, row: Row, document: PairedDocument, texts: tuple[Document, Document], answer: str
) -> KeptRow:
    """Make the row for a document that both runs answered, scored by the metric of `row`; `answer` is what was typed as
    the right one. It has wrong answers only where the metric tells right from wrong."""
    second = texts[1]
    if answer == one_line(second.target, TYPED):
        answer = second.target  # left as it was shown, on one line
    wrong = tuple(dict.fromkeys(text for text in _wrong(row, document, texts) if text.strip()))
    return KeptRow(
        second.question,
        answer.strip(),
        wrong,
        f"{document.task} #{document.doc_id}, {run_name(RunDirectory(comparison.second.run))}",
        tuple(choice.text for choice in second.choices),
    )


def _wrong(row: Row, document: PairedDocument, texts: tuple[Document, Document]) -> list[str]:
    answers = [*texts[0].scored(document.first), *texts[1].scored(document.second)]
    tells_right = row.higher_is_better and row.is_share and all(one.score in (0.0, 1.0) for one in answers)
    return [one.text for one in answers if one.score == 0.0] if tells_right else []
