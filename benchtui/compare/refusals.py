"""Counts answers that begin like a refusal on both sides of a comparison, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.differences.pairing import pair
from benchtui.compare.documents import Document, read_document, tasks_of
from benchtui.compare.names import Names
from benchtui.compare.records import Row
from benchtui.evidence.matched_pairs import mcnemar
from benchtui.results.records import RunResults
from benchtui.tasks.metrics.refusals import is_refusal


class Refusals(msgspec.Struct, frozen=True):
    """Of `n` samples that both runs answered, `first` and `second` were refused by each; `began` only by the second,
    `ended` only by the first; a sample with several answers is refused where most of them are. `p` is that of the exact
    McNemar test, corrected for nothing."""

    n: int
    first: int
    second: int
    began: int
    ended: int

    @property
    def p(self) -> float:
        return mcnemar(self.ended, self.began)


def refusals(first: RunResults, second: RunResults, row: Row) -> Refusals | None:
    """Count the refusals of one row's task; None where neither run has any. Raises BenchtuiError when a sample file is
    damaged."""
    counted = [side.health.refused for side in (row.first, row.second) if side.health is not None]
    if not any(counted):
        return None
    sources = SampleSource(first), SampleSource(second)
    pairs = [found for task in tasks_of(first, second, row) for found in _refused(task, row, sources)]
    began, ended = (sum(pair == wanted for pair in pairs) for wanted in ((False, True), (True, False)))
    both = sum(pair == (True, True) for pair in pairs)
    return Refusals(len(pairs), both + ended, both + began, began, ended) if pairs else None


def refusal_notes(rows: Sequence[Row], first: RunResults, second: RunResults, names: Names) -> Iterator[str]:
    """Yield a sentence for each task of the suite to which one of the runs gave refusals."""
    for row in rows:
        if row.level == "headline" and (found := refusals(first, second, row)) is not None:
            p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
            how = "answered like a refusal"
            if max(row.first.answers, row.second.answers) > 1:
                how = "refused, which is where most answers begin like a refusal"
            yield (
                f"{row.title}: of {found.n} samples, {found.first} ({names[0]}) and {found.second} ({names[1]}) are "
                f"{how}; {found.began} only by {names[1]}, {found.ended} only by {names[0]} "
                f"(exact McNemar, {p}, not corrected)"
            )


def _refused(task: str, row: Row, sources: tuple[SampleSource, SampleSource]) -> Iterator[tuple[bool, bool]]:
    files = [source.file(task) for source in sources]
    for samples in pair(task, row.filter, *(source.read(task) for source in sources)).pairs:
        found = [
            _is_refused(read_document(file, sample.offset, row.metric))
            for file, sample in zip(files, samples, strict=True)
            if file is not None
        ]
        if len(found) == len(files):
            yield found[0], found[1]


def _is_refused(document: Document) -> bool:
    """Return whether the answer to a document is a refusal; of several answers, whether most are."""
    answers = [one.text for one in document.drawn] or [document.answer]
    return 2 * sum(map(is_refusal, answers)) > len(answers)
