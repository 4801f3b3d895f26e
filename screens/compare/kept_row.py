"""What is kept of a document as a test of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.compare.records import Comparison
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import run_name
from benchtui.tasks.data.capture import KeptRow
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.compare.documents import Document, PairedDocument

TYPED = 2000
"""Characters that a line to type in shows."""


def kept_row(
    comparison: Comparison, document: PairedDocument, texts: tuple[Document, Document], answer: str
) -> KeptRow:
    """Make the row for a document that both runs answered; `answer` is what was typed as the right one."""
    second = texts[1]
    if answer == one_line(second.target, TYPED):
        answer = second.target  # left as it was shown, on one line
    scored = zip(texts, (document.first, document.second), strict=True)
    answers = (answer for text, value in scored for answer in text.answers_unlike(1.0, value))
    wrong = tuple(dict.fromkeys(answer for answer in answers if answer.strip()))
    return KeptRow(
        second.question,
        answer.strip(),
        wrong,
        f"{document.task} #{document.doc_id}, {run_name(RunDirectory(comparison.second.run))}",
        tuple(choice.text for choice in second.choices),
    )
