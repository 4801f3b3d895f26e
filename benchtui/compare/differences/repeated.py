"""Finds samples that ask the same thing more than once: together they count as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchtui.evidence.records import Floats, Integers

MOST_REPEATED = 0.01
"""Up to this share of repeated documents a task's documents are not joined: so few do not change the error rate, and
the exact test of single documents is the better one."""

SAME_TARGETS, FEWEST_TARGETS = 0.9, 5
"""Tasks ask the same questions (in another language, with another prompt) when so large a share of their reference
answers agree, document by document; seeing that takes so many documents."""


def repeated(documents: Sequence[str]) -> Integers | None:
    """Number the documents (given by what identifies them), equal ones alike; None where hardly any occurs twice."""
    if len(documents) - len(set(documents)) <= MOST_REPEATED * len(documents):
        return None
    return np.unique(np.array(documents), return_inverse=True)[1].astype(np.int64)


def parallel(targets: Sequence[Sequence[str]]) -> bool:
    """Return whether several tasks ask the same questions in the same order, by their documents' reference answers."""
    first, *others = targets
    if not others or len(first) < FEWEST_TARGETS or any(len(each) != len(first) for each in others):
        return False
    shares = [count / len(first) for count in Counter(first).values()]
    if sum(share**2 for share in shares) > SAME_TARGETS / 1.5:
        return False  # nearly all the same answer: unrelated tasks would agree as well
    return all(np.mean([a == b for a, b in zip(first, each, strict=True)]) >= SAME_TARGETS for each in others)


def joined(terms: Floats, same: Integers) -> Floats:
    """Return summands (documents, terms) added up over equal documents, (units, terms)."""
    sums = np.zeros((int(same.max()) + 1, terms.shape[1]))
    np.add.at(sums, same, terms)
    return sums
