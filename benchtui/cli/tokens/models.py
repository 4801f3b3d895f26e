"""Which models of a comparison by token a command shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.errors import UsageError
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.tokens.store import DistributionStore


def default_models(store: DistributionStore) -> tuple[int, int]:
    """Return the reference and the last model, where they were compared; else the last pair, else the last model with
    itself."""
    pairs, last = store.pairs, len(store.header.labels) - 1
    if (0, last) in pairs or not pairs:
        return (0, last) if pairs else (last, last)
    return pairs[-1]


def chosen_models(store: DistributionStore, named: str) -> tuple[int, int]:
    """Return the numbers of two models that a user names, "A,B", or twice that of one, "A". Raises UsageError where
    there are none, or they were not compared."""
    labels = store.header.labels
    if named in labels:
        return labels.index(named), labels.index(named)
    for first in range(len(labels)):
        for second in range(len(labels)):
            if f"{labels[first]},{labels[second]}" == named and first != second:
                if (first, second) in store.pairs:
                    return first, second
                if (second, first) in store.pairs:
                    return second, first
                raise UsageError(
                    f"{one_line(named, 120)} were not compared in this run.",
                    "`benchtui tokens pair RUN A B` compares them, without the models.",
                )
    known = ", ".join(one_line(label, 40) for label in labels)
    raise UsageError(f"--pair {one_line(named, 120)!r} names no models of this run.", f"They are: {known}.")
