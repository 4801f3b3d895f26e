"""What the overlap of a benchmark with training data means for its scores: how many documents, and what they change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.records import Comparison, Row
from benchtui.compare.without import LeftOut, without_documents
from benchtui.evidence.records import Interval
from benchtui.evidence.shares import wilson
from benchtui.results.documents import BenchmarkDocument, read_documents
from benchtui.results.records import RunResults
from benchtui.tasks.overlap.index import RUN, Overlap

SHORT = 8
"""Words; what is shorter is found by chance. The GPT-3 paper asks for as many at least (appendix C)."""
WIDESPREAD = 10
"""Documents; words that more of them have in common are a fixed text of the benchmark rather than theirs."""


class OverlappingDocument(msgspec.Struct, frozen=True):
    """A document whose words occur in training data: `words` are the first that were met there, in row `place` of
    `file`. `shared` of its `runs` of words occur, in all the data."""

    task: str
    name: str
    doc_hash: str
    words: str
    file: str
    place: str
    shared: int
    runs: int


class TaskOverlap(msgspec.Struct, frozen=True):
    """A task, or a group of several (`tasks`): how many of its documents overlap, and Wilson's interval of that share.
    `short` of them have fewer than SHORT words, and `wordless` documents none at all."""

    task: str
    documents: int
    overlapping: int
    interval: Interval
    short: int = 0
    wordless: int = 0
    tasks: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        return self.overlapping / self.documents if self.documents else 0.0


class BenchmarkOverlap(msgspec.Struct, frozen=True):
    """The overlap of all documents of a benchmark with training data."""

    tasks: tuple[TaskOverlap, ...]
    documents: tuple[OverlappingDocument, ...]

    @property
    def widespread(self) -> tuple[tuple[str, int], ...]:
        """Words by which more than WIDESPREAD documents were found, with how many."""
        counted = Counter(document.words for document in self.documents)
        return tuple((words, count) for words, count in counted.most_common() if count > WIDESPREAD)


class ScoresWithout(msgspec.Struct, frozen=True):
    """Two runs compared with all documents, and without those that overlap. `gone` says of a task in words why it has
    no scores without them."""

    all: Comparison
    without: Comparison
    gone: dict[str, str]

    def rows(self) -> list[tuple[Row, Row | None]]:
        """Return the main row of each task that has overlapping documents, and the same without them."""
        known = {(row.task, row.key): row for row in self.without.headlines}
        names = affected_tasks(self.all.second, self.without.second.left_out)
        return [(row, known.get((row.task, row.key))) for row in self.all.headlines if row.task in names]


def overlap_with(
    documents: Sequence[BenchmarkDocument], overlaps: Sequence[Overlap], groups: Mapping[str, Sequence[str]]
) -> BenchmarkOverlap:
    """Count what was found of `documents`. `groups`: the name of each line of the table -> its tasks."""
    found = tuple(
        OverlappingDocument(
            document.task, document.name, document.doc_hash, overlap.first.run, overlap.first.place.file,
            overlap.first.place.row, overlap.shared, overlap.runs,
        )
        for document, overlap in zip(documents, overlaps, strict=True)
        if overlap.first is not None
    )  # fmt: skip
    there = Counter(document.task for document in documents)
    wordless = Counter(d.task for d, overlap in zip(documents, overlaps, strict=True) if not overlap.runs)
    hit = Counter(document.task for document in found)
    short = Counter(document.task for document in found if len(document.words.split()) < min(SHORT, RUN))
    lines = []
    for name, leaves in groups.items():
        n, overlapping = sum(there[leaf] for leaf in leaves), sum(hit[leaf] for leaf in leaves)
        lines.append(
            TaskOverlap(
                name, n, overlapping, wilson(overlapping, n), sum(short[leaf] for leaf in leaves),
                sum(wordless[leaf] for leaf in leaves), tuple(leaves) if tuple(leaves) != (name,) else (),
            )
        )  # fmt: skip
    return BenchmarkOverlap(tuple(lines), found)


def documents_of_runs(runs: Sequence[RunResults]) -> list[BenchmarkDocument]:
    """Return the documents that the runs were asked, from their sample files, each once. Raises BenchtuiError naming a
    damaged file."""
    found: list[BenchmarkDocument] = []
    for task in dict.fromkeys(task.name for results in runs for task in results.tasks):
        known: set[tuple[str, str]] = set()
        for results in runs:
            file = SampleSource(results).file(task)
            for document in read_documents(file, task) if file is not None else ():
                if (key := (document.doc_hash, document.name)) not in known:
                    known.add(key)
                    found.append(document)
    return found


def groups_of_run(results: RunResults) -> dict[str, tuple[str, ...]]:
    """Return the tasks and groups at the top of a run, each with its leaf tasks."""
    groups = {group.name: group.leaves for group in results.groups}
    return {name: groups.get(name, (name,)) for name in results.top_level}


def scores_without(first: RunResults, second: RunResults, found: BenchmarkOverlap) -> ScoresWithout:
    """Compare two runs with all documents and without those found. Raises BenchtuiError naming a damaged file."""
    left_out: dict[str, set[str]] = {}
    for document in found.documents:
        if document.doc_hash:
            left_out.setdefault(document.task, set()).add(document.doc_hash)
    hashes: LeftOut = {task: frozenset(known) for task, known in left_out.items()}
    everything = compare_runs(first, second)
    names = everything.first_name, everything.second_name
    restricted = without_documents(first, second, hashes)
    without = compare_runs(*restricted, names=names, margins=everything.margins)
    there = {row.task for row in without.headlines}
    gone = {
        task: _why_gone(task, first, second, found)
        for task in affected_tasks(second, hashes)
        if task not in there and any(row.task == task for row in everything.headlines)
    }
    return ScoresWithout(everything, without, gone)


def affected_tasks(results: RunResults, left_out: LeftOut) -> set[str]:
    """Return the tasks that lose documents, and the groups around them."""
    affected = {task for task, hashes in left_out.items() if hashes}
    return affected | {group.name for group in results.groups if affected.intersection(group.leaves)}


def _why_gone(task: str, first: RunResults, second: RunResults, found: BenchmarkOverlap) -> str:
    if first.early_of_any(task) or second.early_of_any(task):
        return "it stopped early, at a moment that all its documents decided"
    line = next((line for line in found.tasks if line.task == task), None)
    if line is not None and line.documents == line.overlapping:
        return "no document is left"
    if second.group(task) is not None:
        return "one of its tasks has no score without them"
    return "its samples do not reproduce lm-eval's score"
