"""The samples that changed side, with their texts: what a person reads to see what training did."""

from __future__ import annotations

import msgspec

from benchtui.compare.leaves import SampleSource
from benchtui.compare.pairing import pair
from benchtui.compare.records import Comparison, Row
from benchtui.results.samples import Sample, SampleText, read_text


class Flipped(msgspec.Struct, frozen=True):
    """One document that was wrong in the first run and right in the second (`fixed`), or the other way round."""

    task: str
    doc_id: int
    fixed: bool
    prompt: str
    target: str
    first_answer: str
    second_answer: str


def flipped_samples(comparison: Comparison, row: Row, limit: int = 50) -> list[Flipped]:
    """The flips of a 0/1 metric, fixed and broken in turn, at most `limit`; of a group over its tasks.

    Empty for metrics that are not 0/1. Raises BenchtuiError when a sample file is damaged.
    """
    if row.difference is None or row.difference.flips is None:
        return []
    sources = SampleSource(comparison.first), SampleSource(comparison.second)
    group = comparison.second.group(row.task)
    fixed: list[Flipped] = []
    broken: list[Flipped] = []
    for task in group.leaves if group else (row.task,):
        if len(fixed) + len(broken) >= 2 * limit:
            break
        moved = _moved(sources, task, row)
        fixed += _texts(sources, task, [p for p in moved if _value(p[1], row.metric)][:limit], fixed=True)
        broken += _texts(sources, task, [p for p in moved if not _value(p[1], row.metric)][:limit], fixed=False)
    return _in_turn(fixed, broken, limit)


def _in_turn(fixed: list[Flipped], broken: list[Flipped], limit: int) -> list[Flipped]:
    half = limit // 2
    take = min(len(fixed), max(half, limit - len(broken)))
    return [*fixed[:take], *broken[: limit - take]]


def _moved(sources: tuple[SampleSource, SampleSource], task: str, row: Row) -> list[tuple[Sample, Sample]]:
    joined = pair(task, row.filter, sources[0].read(task), sources[1].read(task))
    return [(a, b) for a, b in joined.pairs if _value(a, row.metric) != _value(b, row.metric)]


def _value(sample: Sample, metric: str) -> bool:
    return bool(next((value for name, value in sample.values if name == metric), False))


def _texts(
    sources: tuple[SampleSource, SampleSource], task: str, pairs: list[tuple[Sample, Sample]], *, fixed: bool
) -> list[Flipped]:
    files = sources[0].file(task), sources[1].file(task)
    if files[0] is None or files[1] is None or not pairs:
        return []
    first = read_text(files[0], [a.offset for a, _ in pairs])
    second = read_text(files[1], [b.offset for _, b in pairs])
    return [_flipped(task, a, b, fixed=fixed) for a, b in zip(first, second, strict=True)]


def _flipped(task: str, first: SampleText, second: SampleText, *, fixed: bool) -> Flipped:
    return Flipped(task, first.doc_id, fixed, first.prompt, first.target, first.answer, second.answer)
