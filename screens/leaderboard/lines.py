"""Which lines a leaderboard has on the screen: sorted, filtered, grouped, with what is unfolded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from benchtui.compare.leaderboard.order import NAME, Grouping, grouped, ordered
from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Leaderboard

GROUPINGS: tuple[Grouping | None, ...] = (None, "base", "model")


@dataclass(frozen=True)
class Order:
    """`by` is the column's task, or NAME; `reverse` has the worst first; only rows with all words of `filter`."""

    by: str = NAME
    reverse: bool = False
    grouping: Grouping | None = None
    filter: str = ""


@dataclass(frozen=True)
class Row:
    """A candidate; or one of its seeds, or one of its other runs, below it."""

    place: int
    seed: Candidate | None = None
    run: CandidateRun | None = None


@dataclass(frozen=True)
class Heading:
    """Before the rows of a base or a model."""

    words: str
    rows: int


Line = Row | Heading


def lines_in(board: Leaderboard, order: Order, unfolded: Collection[str]) -> list[Line]:
    """Return the lines from top to bottom; `unfolded` names the rows below which their seeds and other runs are."""
    words = order.filter.casefold().split()
    places = [place for place in ordered(board, order.by, reverse=order.reverse) if _fits(board, place, words)]
    found: list[Line] = []
    for name, members in grouped(board, places, order.grouping):
        if order.grouping is not None:
            found.append(Heading(name or "base unknown", len(members)))
        for place in members:
            found += _unfold(board.candidates[place], place, unfolded)
    return found


def _fits(board: Leaderboard, place: int, words: Sequence[str]) -> bool:
    candidate = board.candidates[place]
    key = candidate.key
    text = f"{candidate.name} {key.format} {key.backend} {key.quantization} {candidate.base_name}".casefold()
    return all(word in text for word in words)


def _unfold(candidate: Candidate, place: int, unfolded: Collection[str]) -> Iterator[Row]:
    yield Row(place)
    if candidate.name in unfolded:
        yield from (Row(place, seed=seed) for seed in candidate.seeds)
        yield from (Row(place, run=run) for run in candidate.others)


def below(candidate: Candidate) -> int:
    """Return how many lines can be unfolded below a row."""
    return len(candidate.seeds) + len(candidate.others)
