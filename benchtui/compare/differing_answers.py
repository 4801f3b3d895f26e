"""Counts the answers that are others in a second run: texts that differ, and other choices."""

from __future__ import annotations

import msgspec

from benchtui.compare.documents import Document, PairedDocuments
from benchtui.compare.records import Comparison
from benchtui.results.records import RunResults


class DifferingAnswers(msgspec.Struct, frozen=True):
    """Of `texts` generated answers `other_texts` differ in any character, of `choices` answers to multiple choice
    `other_choices` chose another ending; of `values`, the log-likelihoods that were asked for by themselves,
    `other_values` differ in any digit."""

    texts: int = 0
    other_texts: int = 0
    choices: int = 0
    other_choices: int = 0
    values: int = 0
    other_values: int = 0

    @property
    def answers(self) -> int:
        """Texts and choices together."""
        return self.texts + self.choices

    @property
    def others(self) -> int:
        return self.other_texts + self.other_choices


def differing_answers(comparison: Comparison) -> DifferingAnswers:
    """Compare the answers to every sample of every task that both runs were asked with the same prompt. Raises
    BenchtuiError when a sample file is damaged."""
    counts = dict.fromkeys(DifferingAnswers.__struct_fields__, 0)
    for row in comparison.headlines:
        if row.pairing.matched == 0:
            continue
        paired = PairedDocuments(comparison.first, comparison.second, row)
        kinds = {task: _kind(comparison.second, task) for task in paired.tasks}
        for document in paired.documents:
            one, other = paired.read(document)
            kind = kinds[document.task]
            counts[kind] += 1
            counts[f"other_{kind}"] += _answer(one) != _answer(other)
    return DifferingAnswers(**counts)


def _kind(results: RunResults, task: str) -> str:
    facts = results.task(task)
    kinds = {"multiple_choice": "choices", "generate_until": "texts"}
    return kinds.get(facts.output_type if facts else "", "values")


def _answer(document: Document) -> str | int:
    """Return the text, or the number of the ending that was chosen."""
    weights = [choice.weight for choice in document.choices]
    return weights.index(max(weights)) if weights else document.answer
