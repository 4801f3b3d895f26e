"""Counts the answers that are others in a second run: texts that differ, and other choices."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.differences.pairing import pair
from benchtui.compare.documents import Document, read_document, tasks_of
from benchtui.compare.records import Comparison, Row
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
    """Compare the answers to every sample of every task that both runs were asked with the same prompt, whether or not
    the task's metric gives that sample a number. Raises BenchtuiError when a sample file is damaged."""
    counts = dict.fromkeys(DifferingAnswers.__struct_fields__, 0)
    sources = SampleSource(comparison.first), SampleSource(comparison.second)
    for row in comparison.headlines:
        for task in tasks_of(comparison.first, comparison.second, row):
            kind = _kind(comparison.second, task)
            for one, other in _answers(task, row, sources):
                counts[kind] += 1
                counts[f"other_{kind}"] += one != other
    return DifferingAnswers(**counts)


def _answers(task: str, row: Row, sources: tuple[SampleSource, SampleSource]) -> Iterator[tuple[str | int, str | int]]:
    """Yield what both runs answered to each sample of a task; nothing where a run has no samples of it."""
    files = [source.file(task) for source in sources]
    for samples in pair(task, row.filter, *(source.read(task) for source in sources)).pairs:
        one, other = (
            _answer(read_document(file, sample.offset, row.metric))
            for file, sample in zip(files, samples, strict=True)
            if file is not None
        )
        yield one, other


def _kind(results: RunResults, task: str) -> str:
    facts = results.task(task)
    kinds = {"multiple_choice": "choices", "generate_until": "texts"}
    return kinds.get(facts.output_type if facts else "", "values")


def _answer(document: Document) -> str | int:
    """Return the text, or the number of the ending that was chosen: as lm-eval does, the first that is not a number
    where one is not."""
    weights = [choice.weight for choice in document.choices]
    return int(np.argmax(weights)) if weights else document.answer
