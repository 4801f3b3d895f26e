"""Draws scores over training steps: where a model was best, and where it is first shown to have become worse.

The first drop is the first step that is shown to be worse than the best step before it. Which step that is depends on
the scores, so a drop is corrected over every pair of steps of the model and all its tasks: whichever pair is looked at,
it is one of these. A family is one model, since the question is about one model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchtui.compare.leaderboard.cells import score_of
from benchtui.compare.leaderboard.contrasts import Contrast, Couple, couple, make_contrasts, pairs_of_couples, scored
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.records import Candidate, Cell, Column, Leaderboard


class Series(NamedTuple):
    """What one curve is of: the checkpoints of one kind (`unit` is "step" or "epoch") in one folder of a model,
    answered by one backend."""

    model: str
    folder: str
    backend: str
    quantization: str
    unit: str


class Point(msgspec.Struct, frozen=True):
    """One step of a curve. `cell` is the leaderboard's. `best` is the place in the curve of the best step up to this
    one, itself included. `drop` compares it with the best step before it where its score is lower, None where it is
    not. `apart` where it was evaluated in another way than most (`Outcome.like`): then it is in no comparison here and
    `best` is None before the first that is."""

    candidate: int
    step: float
    cell: Cell
    best: int | None
    drop: Contrast | None = None
    apart: bool = False

    def is_drop(self) -> bool:
        """Return whether this step is shown to be worse than the best one before it."""
        return self.drop is not None and self.drop.better is not None and self.drop.better != self.candidate


class Curve(msgspec.Struct, frozen=True):
    """The scores of one series in one column, by step. `base` is the base's score in the comparison of the last step,
    None without one. Drops are corrected over `tests`."""

    series: Series
    column: Column
    points: tuple[Point, ...]
    base: float | None
    base_name: str
    tests: int

    @property
    def first_drop(self) -> int | None:
        """The place in the curve of the first step that is shown to be worse than the best one before it."""
        return next((place for place, point in enumerate(self.points) if point.is_drop()), None)

    @property
    def best(self) -> int | None:
        """The place in the curve of the best step of all."""
        return self.points[-1].best

    @property
    def pending(self) -> int:
        """How many drops are still to be compared."""
        return sum(point.drop is not None and point.drop.state == "pending" for point in self.points)


def series_of(candidates: Sequence[Candidate]) -> dict[Series, tuple[int, ...]]:
    """Return the places of the checkpoints of each series with two or more, by step."""
    found: dict[Series, list[tuple[float, int]]] = defaultdict(list)
    for place, candidate in enumerate(candidates):
        if candidate.step is None:
            continue
        form, key = Path(candidate.key.format), candidate.key
        unit = "epoch" if form.name.startswith("epoch") else "step"
        series = Series(
            key.model, "" if form.parent == Path() else str(form.parent), key.backend, key.quantization, unit
        )
        found[series].append((candidate.step, place))
    return {series: tuple(place for _, place in sorted(steps)) for series, steps in found.items() if len(steps) > 1}


def step_pairs(board: Leaderboard, only: Series | None = None) -> Iterator[Pair]:
    """Yield the runs to compare for the drops of all curves, or those of one series, each pair once."""
    found: dict[Pair, None] = {}
    for places in _wanted(board, only).values():
        for number, column in enumerate(board.columns):
            couples = (couple(*both) for both in _drops(_line(board, places, column, number), board, column).values())
            found.update(dict.fromkeys(pairs_of_couples(board.candidates, couples, column)))
    yield from found


def _wanted(board: Leaderboard, only: Series | None) -> dict[Series, tuple[int, ...]]:
    return {series: places for series, places in series_of(board.candidates).items() if only in (None, series)}


def make_curves(
    board: Leaderboard, compared: Mapping[Pair, PairedRuns], only: Series | None = None
) -> tuple[Curve, ...]:
    """Return the curve of each series, or of one alone, and each column in which it has two or more scores."""
    return tuple(
        curve for series, places in _wanted(board, only).items() for curve in _curves(series, places, board, compared)
    )


def _curves(
    series: Series, places: Sequence[int], board: Leaderboard, compared: Mapping[Pair, PairedRuns]
) -> Iterator[Curve]:
    lines = {column: _line(board, places, column, number) for number, column in enumerate(board.columns)}
    tests = sum(len(line) * (len(line) - 1) // 2 for line in lines.values())
    drops = {column: _drops(line, board, column) for column, line in lines.items()}
    wanted = [(column, couple(*both)) for column, found in drops.items() for both in found.values()]
    contrasts = make_contrasts(board.candidates, wanted, compared, tests)
    for number, (column, line) in enumerate(lines.items()):
        with_score = [place for place in places if board.cells[place][number].value is not None]
        if len(with_score) < 2:
            continue
        points = tuple(_points(with_score, line, number, drops[column], contrasts, board))
        last = board.candidates[with_score[-1]]
        outcome = score_of(last, column)
        base = outcome.base if outcome is not None and outcome.metric == column.metric else None
        yield Curve(series, column, points, base, _base_name(board, with_score[-1]), tests)


def _base_name(board: Leaderboard, place: int) -> str:
    """Return how the leaderboard names the base of a candidate."""
    model = board.candidates[place].base_name
    reference = board.references[place]
    if reference is not None and board.candidates[reference].key.model == model:
        return board.candidates[reference].name
    return model


def _line(board: Leaderboard, places: Sequence[int], column: Column, number: int) -> list[int]:
    """Return the steps that can be joined: those that were evaluated as most of them were."""
    with_score = [
        place
        for place in places
        if scored(board.candidates[place], column) is not None and board.cells[place][number].value is not None
    ]
    likes = {place: outcome.like for place in with_score if (outcome := score_of(board.candidates[place], column))}
    if not likes:
        return []
    most = Counter(likes.values()).most_common(1)[0][0]
    return [place for place in with_score if likes[place] == most]


def _drops(line: Sequence[int], board: Leaderboard, column: Column) -> dict[int, Couple]:
    """Return the best step before each that scores lower than it, and the step itself."""
    found = {}
    for best, place in _best_before(line, board, column):
        if best is not None and _gain(board, column, best, place) < 0:
            found[place] = (best, place)
    return found


def _best_before(line: Sequence[int], board: Leaderboard, column: Column) -> Iterator[tuple[int | None, int]]:
    """Yield each step after the best one before it; of equal ones the earliest."""
    best: int | None = None
    for place in line:
        yield best, place
        if best is None or _gain(board, column, best, place) > 0:
            best = place


def _gain(board: Leaderboard, column: Column, before: int, after: int) -> float:
    """Return how much better the score of `after` is, by the metric's own direction."""
    values = [outcome.value for place in (before, after) if (outcome := score_of(board.candidates[place], column))]
    return (values[1] - values[0]) * (1 if column.higher_is_better else -1)


def _points(
    places: Sequence[int],
    line: Sequence[int],
    number: int,
    drops: Mapping[int, Couple],
    contrasts: Mapping[tuple[str, Couple], Contrast],
    board: Leaderboard,
) -> Iterator[Point]:
    column, best = board.columns[number], None
    for at, place in enumerate(places):
        candidate = board.candidates[place]
        assert candidate.step is not None  # noqa: S101 - a series has no others
        drop = contrasts[column.task, couple(*drops[place])] if place in drops else None
        if place in line and (best is None or _gain(board, column, places[best], place) > 0):
            best = at
        yield Point(place, candidate.step, board.cells[place][number], best, drop, place not in line)
