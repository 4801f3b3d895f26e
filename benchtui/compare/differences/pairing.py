"""Which sample of one run goes with which of the other: the same document, filter and prompt, or none at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from benchtui.compare.records import Pairing
from benchtui.results.samples import Sample

MAX_UNPAIRED = 0.05
"""The largest share of documents that may be left unpaired before a comparison is called not comparable.

Up to it a verdict holds whatever the missing scores had been (`evidence/missing.py`). Beyond it that would leave no
verdict anyway, and so many are rarely answers that were lost: the runs were asked something else, which is to be said.
"""


class PairedSamples(msgspec.Struct, frozen=True):
    """The pairs of one task under one filter, in the first run's document order, what only the first run and only the
    second has, and how the rest did not fit."""

    task: str
    filter: str
    pairs: tuple[tuple[Sample, Sample], ...]
    counts: Pairing
    alone: tuple[tuple[Sample, ...], tuple[Sample, ...]] = ((), ())


def pair(task: str, filter_name: str, first: Iterable[Sample], second: Iterable[Sample]) -> PairedSamples:
    """Join two runs' samples of a task on the document's hash.

    A document that occurs several times in a task is paired with the occurrence of the same number, what is left over
    in order. Pairs whose prompts differ are counted and left out.
    """
    mine, theirs = _by_document(first, filter_name), _by_document(second, filter_name)
    pairs: list[tuple[Sample, Sample]] = []
    differing = 0
    joined: set[int] = set()
    for document, samples in mine.items():
        together = _in_order(samples, theirs.get(document, []))
        same = [(a, b) for a, b in together if a.prompt_hash == b.prompt_hash]
        pairs += same
        joined.update(id(sample) for both in together for sample in both)
        differing += len(together) - len(same)
    alone = _without(mine, joined), _without(theirs, joined)
    pairs.sort(key=lambda p: p[0].doc_id)
    by_number = sum(not (a.doc_hash and a.prompt_hash and b.doc_hash and b.prompt_hash) for a, b in pairs)
    counts = Pairing(len(pairs), differing, len(alone[0]), len(alone[1]), by_number)
    return PairedSamples(task, filter_name, tuple(pairs), counts, alone)


def _without(samples: Mapping[str, Sequence[Sample]], joined: set[int]) -> tuple[Sample, ...]:
    return tuple(sample for same in samples.values() for sample in same if id(sample) not in joined)


def _by_document(samples: Iterable[Sample], filter_name: str) -> dict[str, list[Sample]]:
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.filter == filter_name:
            found[sample.doc_hash].append(sample)
    return found


def _in_order(first: Sequence[Sample], second: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    if len(first) == 1 and len(second) == 1:
        return [(first[0], second[0])]
    by_number = {sample.doc_id: sample for sample in second}
    exact = [(sample, by_number.pop(sample.doc_id)) for sample in first if sample.doc_id in by_number]
    taken = {id(sample) for match in exact for sample in match}
    rest_first = sorted((s for s in first if id(s) not in taken), key=lambda s: s.doc_id)
    rest_second = sorted((s for s in second if id(s) not in taken), key=lambda s: s.doc_id)
    return exact + list(zip(rest_first, rest_second, strict=False))
