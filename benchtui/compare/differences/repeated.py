"""Samples that ask the same thing more than once: together they are one, and say no more than one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchtui.evidence.records import Floats, Integers

MOST_REPEATED = 0.01
"""The share of a task's documents that may stand in it again before they are joined: so few change no error rate, and
the exact test of single documents is the better one."""

SAME_TARGETS, FEWEST_TARGETS = 0.9, 5
"""From which agreement of their reference answers on, document by document, tasks ask the same questions (in another
language, with another prompt), and how many documents it takes to see that."""


def repeated(documents: Sequence[str]) -> Integers | None:
    """Numbers of the documents (named by what they are), equal ones alike; None where hardly any stands there twice."""
    if len(documents) - len(set(documents)) <= MOST_REPEATED * len(documents):
        return None
    return np.unique(np.array(documents), return_inverse=True)[1].astype(np.int64)


def parallel(targets: Sequence[Sequence[str]]) -> bool:
    """Whether several tasks ask the same questions in the same order, by their documents' reference answers."""
    first, *others = targets
    if not others or len(first) < FEWEST_TARGETS or any(len(each) != len(first) for each in others):
        return False
    shares = [count / len(first) for count in Counter(first).values()]
    if sum(share**2 for share in shares) > SAME_TARGETS / 1.5:
        return False  # nearly all the same answer: unrelated tasks would agree as well
    return all(np.mean([a == b for a, b in zip(first, each, strict=True)]) >= SAME_TARGETS for each in others)


def joined(terms: Floats, same: Integers) -> Floats:
    """Summands (documents, terms) added up over equal documents, (units, terms)."""
    sums = np.zeros((int(same.max()) + 1, terms.shape[1]))
    np.add.at(sums, same, terms)
    return sums
