"""The profile of a small model, alone or beside a large one, from a comparison by token that has finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.errors import BenchtuiError, UsageError
from benchtui.results.tokens import TokensResults
from benchtui.routing.names import SignalName
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import EventReader
from benchtui.runs.events import Phase
from benchtui.runs.kinds.tokens.events import TokensScored
from benchtui.text import one_line
from benchtui.tokens.store import DistributionStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchtui.routing.profile import Document, Profile
    from benchtui.tokens.records import TokenScores

LEAST_SECONDS = 2.0
"""A pass that took less says nothing of how fast a model is."""


@dataclass(frozen=True)
class Profiled:
    """A profile, and what it is of: the labels of the models, in one line what the texts are, how the cost was found
    ("" where it was not), sentences to be shown beside it, and the run."""

    profile: Profile
    small: str
    large: str | None
    texts: str
    cost_from: str
    notes: tuple[str, ...]
    run: Path


def profiled(
    found: TokensResults, small: int, large: int | None, shares: Sequence[float], cost: float | None = None
) -> Profiled:
    """Profile the model `small` of a comparison, alone or beside `large`. `cost` is that of a step of the small model
    by one of the large; None takes how fast both have read the texts, where that took long enough to be measured.

    Raises UsageError where the models did not read the same texts, and BenchtuiError where there is nothing to profile.
    """
    from benchtui.routing.profile import profile

    store = found.store
    if large is not None and store.header.mode != "given":
        raise UsageError(
            "Each model has read its own text, so no token of one can be compared with the other's.",
            "Use --mode given, or profile the small model alone.",
        )
    said = "--cost"
    if cost is None and large is not None:
        cost, said = reading_cost(found.run, small, large), "how long each has read these texts"
    try:
        of_all = profile(list(_documents(store, small, large)), shares, cost)
    except ValueError as error:
        raise BenchtuiError(f"There is no profile: {error}.", "Give texts with --tasks, --data or --answers.") from None
    labels = store.header.labels
    return Profiled(
        of_all,
        labels[small],
        None if large is None else labels[large],
        store.header.texts,
        "" if cost is None else said,
        _notes(store, small, large),
        found.run,
    )


def _documents(store: DistributionStore, small: int, large: int | None) -> Iterator[Document]:
    from benchtui.routing.profile import Document
    from benchtui.routing.signals import SIGNALS

    tv_known = large is not None and ((small, large) in store.pairs or (large, small) in store.pairs)
    for number, document in enumerate(store.texts(small).documents):
        scores = store.scores(small, number)
        others = None if large is None else store.scores(large, number)
        tv = None
        if tv_known and large is not None:
            pair = (small, large) if (small, large) in store.pairs else (large, small)
            compared = store.pair(*pair, number)
            tv = compared.tv if compared.bound == "exact" else None
        yield Document(
            document.doc_hash or f"{document.group}\0{document.prompt}",
            {name: signal for name in SIGNALS if (signal := _signal(name, scores)) is not None},
            scores.top_ids[:, 0],
            None if others is None else others.top_ids[:, 0],
            tv,
        )


def _signal(name: SignalName, scores: TokenScores) -> NDArray[np.float32] | None:
    from benchtui.routing.signals import of_scores

    try:
        return of_scores(name, scores)
    except ValueError:
        return None  # it needs raw logits, or more tokens than are kept


def _notes(store: DistributionStore, small: int, large: int | None) -> tuple[str, ...]:
    models = [store.models[number] for number in (small, large) if number is not None]
    return tuple(f"{one_line(model.label, 60)}: {caveat}" for model in models for caveat in model.caveats)


def reading_cost(run: Path, small: int, large: int) -> float | None:
    """Return how long a position took the small model by how long it took the large one, while both read the same texts
    in a run; None where that is not known, or took too short."""
    passes = _passes(run)
    if small not in passes or large not in passes:
        return None
    (one, n), (other, m) = passes[small], passes[large]
    return (one / n) / (other / m) if min(one, other) >= LEAST_SECONDS and n and m else None


def _passes(run: Path) -> dict[int, tuple[float, int]]:
    """For each model the seconds and scored positions of its last stretch of reading."""
    found: dict[int, tuple[float, int]] = {}
    done: dict[int, int] = {}
    began, before = 0.0, dict(done)
    reader = EventReader(RunDirectory(run).events)
    while events := reader.read():
        for event in events:
            if isinstance(event, Phase):
                began, before = event.t, dict(done)
            elif isinstance(event, TokensScored):
                done[event.model] = event.positions
                found[event.model] = (event.t - began, event.positions - before.get(event.model, 0))
    return found
