"""Joins the samples of two runs by document, filter and prompt, and counts those without a partner."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from benchtui.compare.records import Pairing
from benchtui.evidence.pairing import pair_documents
from benchtui.evidence.records import Integers
from benchtui.results.samples import Sample

MAX_UNPAIRED = 0.05
"""The largest share of documents that may be left unpaired before a comparison is called not comparable.

Up to it a verdict holds whatever the missing scores had been (`evidence/missing.py`). Beyond it nothing could be shown
anyway, and so many are rarely lost answers: the runs were asked something else, which must be said.
"""


class PairedSamples(msgspec.Struct, frozen=True):
    """The pairs of one task under one filter, in the first run's document order; the samples that only the first run
    and only the second has; and how many others did not fit. `same` numbers the questions of the pairs, None where all
    differ."""

    task: str
    filter: str
    pairs: tuple[tuple[Sample, Sample], ...]
    counts: Pairing
    alone: tuple[tuple[Sample, ...], tuple[Sample, ...]] = ((), ())
    same: Integers | None = None


def pair(task: str, filter_name: str, first: Iterable[Sample], second: Iterable[Sample]) -> PairedSamples:
    """Pair two runs' samples of a task under one filter by the rule of `evidence/pairing.py`."""
    joined = pair_documents(
        (sample for sample in first if sample.filter == filter_name),
        (sample for sample in second if sample.filter == filter_name),
    )
    alone = joined.only_first, joined.only_second
    by_number = sum(not (a.doc_hash and a.prompt_hash and b.doc_hash and b.prompt_hash) for a, b in joined.pairs)
    counts = Pairing(len(joined.pairs), joined.differing_prompts, len(alone[0]), len(alone[1]), by_number)
    return PairedSamples(task, filter_name, joined.pairs, counts, alone)
