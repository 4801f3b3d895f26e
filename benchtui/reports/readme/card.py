"""Puts results into one README's text: the section, and `model-index` where its front matter allows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.reports.readme.document import UnparsableError, parse, with_section
from benchtui.reports.readme.model_index import with_model_index

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


@dataclass(frozen=True)
class Results:
    """What is written into a model's READMEs: the section's Markdown (lines end with \\n), and the scores to
    publish."""

    model_name: str
    section: str
    scores: Sequence[EvalResult]


@dataclass(frozen=True)
class Card:
    """A README's new content; `note` says why its front matter does not have the scores, "" when there is nothing to
    explain."""

    content: bytes
    note: str = ""


def with_results(raw: bytes, results: Results) -> Card:
    """Return the README's new content. Raises UnparsableError when no section can be added without changing what others
    wrote."""
    document = parse(with_section(parse(raw), results.section).encode())
    # Nobody's README is given a front matter: what its first lines are is its author's to decide.
    if document.front is None and results.scores:
        return Card(
            document.text.encode(),
            "It has no front matter, so no model-index: the Hub reads it between two lines `---` at the top",
        )
    try:
        text = with_model_index(document, results.model_name, results.scores)
    except UnparsableError as error:
        return Card(document.text.encode(), f"Its front matter was left alone, {error}")
    return Card(text.encode())
