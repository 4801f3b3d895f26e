"""Scores of several answers to each document: what they are called in files, and how they vary."""

from __future__ import annotations

import re

import msgspec

from benchtui.evidence.variance import SampledMean

_OF_SEVERAL = re.compile(r"(?P<metric>.+)_(?P<name>(?:pass|maj)@(?P<k>[1-9]\d{0,5}))")


class Spread(msgspec.Struct, frozen=True):
    """How a metric varies where several answers were drawn to each document: `answers` to each of `documents`.

    `between` is the variance of the documents' true means, `within` that of answers to one document, `stderr` the
    standard error of the mean of the documents' means; on the score's scale, variances squared.
    """

    answers: int
    documents: int
    between: float
    within: float
    stderr: float

    @property
    def worth_asking(self) -> int | None:
        """Return the number of answers to a document beyond which more are of little use; None where documents do not
        differ: more answers then help as much as more documents."""
        of_mean = SampledMean(0.0, self.documents, self.answers, self.within, self.between, self.stderr)
        return of_mean.worth_asking()


def pass_sizes(repeats: int) -> list[int]:
    """Return the k of pass@k: the powers of two below `repeats`, and `repeats` itself. pass@1 is the mean."""
    return [2**power for power in range(1, repeats.bit_length()) if 2**power < repeats] + [repeats]


def pass_name(metric: str, k: int) -> str:
    """Return what result files call pass@k of `metric`."""
    return f"{metric}_pass@{k}"


def majority_name(metric: str, repeats: int) -> str:
    """Return what result files call the score of what most answers say."""
    return f"{metric}_maj@{repeats}"


def parted(metric: str) -> tuple[str, str]:
    """Return the metric whose answers a score is made of, and "pass@8" or "maj@8"; "" where it is the metric itself."""
    found = _OF_SEVERAL.fullmatch(metric)
    return (found["metric"], found["name"]) if found else (metric, "")


def is_step(metric: str, answers: int) -> bool:
    """Return whether a score is pass@k for fewer answers than were drawn: one of a series, which only files list."""
    found = _OF_SEVERAL.fullmatch(metric)
    return found is not None and 1 < answers != int(found["k"])
