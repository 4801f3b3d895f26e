"""Compares candidates of one column with each other, not with the reference: a contrast is two of them.

Which contrasts are looked at may depend on the scores (the best one against another), so Holm's correction counts all
that could have been looked at. Those that were not compared count as tests with p = 1: that can only make the others'
corrected p-values larger, so what is shown is shown whatever else is compared later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from benchtui.compare.leaderboard.cells import pair_of, score_of
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.records import Candidate, Column
from benchtui.compare.records import Kind, Row
from benchtui.compare.verdicts.family import judged_among
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import PRICE_OF_LOOKS, Interval

Couple = tuple[int, int]
"""The places of two candidates, the smaller one first."""


class Contrast(msgspec.Struct, frozen=True):
    """Two candidates in one column.

    `row` compares `second` with `first` as `benchtui compare` does with the runs of `pair`; its p-value and verdict are
    corrected over all contrasts of the family. `why` says what keeps two scores from being compared.
    """

    first: int
    second: int
    state: Literal["compared", "pending", "not comparable"]
    pair: Pair | None = None
    row: Row | None = None
    why: str = ""

    def change(self, place: int) -> float | None:
        """Return by how much the score of the candidate at `place` is above the other one's; None where the two are not
        compared."""
        if self.state != "compared" or self.row is None:
            return None
        return self.row.change if place == self.second else 0.0 - self.row.change  # 0.0 - 0.0 is not -0.0

    def interval(self, place: int) -> Interval | None:
        """Return the interval of that change."""
        if self.state != "compared" or self.row is None or self.row.interval is None:
            return None
        return self.row.interval if place == self.second else self.row.interval.mirrored()

    @property
    def p(self) -> float | None:
        """The corrected p-value, None without a test."""
        return self.row.tested.p_holm if self.row is not None and self.row.tested is not None else None

    @property
    def better(self) -> int | None:
        """The place of the candidate that is shown to be better, None where neither is."""
        if self.state != "compared" or self.row is None or self.row.verdict is None:
            return None
        kind = self.row.verdict.kind
        return self.second if kind.is_gain else self.first if kind.is_loss else None


def couple(one: int, other: int) -> Couple:
    return (one, other) if one < other else (other, one)


def separate(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates with each seed by itself: two runs can be compared document by document, a mean of several
    cannot."""
    return tuple(each for candidate in candidates for each in candidate.seeds or (candidate,))


def scored(candidate: Candidate, column: Column) -> float | None:
    """Return a candidate's score in a column; None without one, and where it is of another metric or no number."""
    outcome = score_of(candidate, column)
    if outcome is None or outcome.metric != column.metric or not math.isfinite(outcome.value):
        return None
    return outcome.value


def ranking(candidates: Sequence[Candidate], column: Column) -> list[int]:
    """Return the places of the candidates with a score in this column by its metric, the best one first."""
    found = ((place, scored(candidate, column)) for place, candidate in enumerate(candidates))
    scores = {place: score for place, score in found if score is not None}
    return best_first(scores, column)


def best_first(scores: Mapping[int, float], column: Column) -> list[int]:
    """Return places by their scores, the best one first; of equal ones the first."""
    sign = -1 if column.higher_is_better else 1
    return sorted(scores, key=lambda place: (sign * scores[place], place))


def pair_of_couple(candidates: Sequence[Candidate], both: Couple, column: Column) -> Pair | None:
    """Return the runs that are compared for two candidates: for a base and what was trained from it the same two that
    the leaderboard compares. None where one has no run."""
    first, second = both
    references = [first] * len(candidates)
    return pair_of(candidates, references, second, column)


def pairs_of_couples(candidates: Sequence[Candidate], couples: Iterable[Couple], column: Column) -> Iterator[Pair]:
    """Yield the runs of each couple, each pair once."""
    found = (pair_of_couple(candidates, both, column) for both in couples)
    yield from dict.fromkeys(pair for pair in found if pair is not None)


def make_contrasts(
    candidates: Sequence[Candidate],
    wanted: Iterable[tuple[Column, Couple]],
    compared: Mapping[Pair, PairedRuns],
    tests: int,
) -> dict[tuple[str, Couple], Contrast]:
    """Judge the wanted contrasts together, as some of `tests`; by task and couple. Those of which the runs are not in
    `compared` are pending."""
    found = {
        (column.task, both): uncorrected(candidates, column, both, compared) for column, both in dict.fromkeys(wanted)
    }
    tested = {key: each.row for key, each in found.items() if each.state == "compared" and each.row and each.row.tested}
    corrected = holm([uncorrected_p(found[key], compared) for key in tested], tests=tests)
    for (key, row), p in zip(tested.items(), corrected, strict=True):
        found[key] = msgspec.structs.replace(found[key], row=judged_among(row, p, tests))
    return found


def uncorrected(
    candidates: Sequence[Candidate], column: Column, both: Couple, compared: Mapping[Pair, PairedRuns]
) -> Contrast:
    """Return a contrast as the comparison of its two runs alone has it."""
    first, second = both
    pair = pair_of_couple(candidates, both, column)
    if pair is None:
        several = candidates[first].seeds and candidates[second].seeds
        why = "both are several seeds: name one of them" if several else "one of them has no result of this task"
        return Contrast(first, second, "not comparable", why=why)
    runs = compared.get(pair)
    if runs is None:
        return Contrast(first, second, "pending", pair)
    row = runs.row(column.task)
    if row is None or row.key != column.metric:
        why = runs.problem or "the column's metric is not in both runs"
        return Contrast(first, second, "not comparable", pair, why=why)
    if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
        return Contrast(
            first, second, "not comparable", pair, row, runs.reasons.get(column.task) or row.verdict.sentence
        )
    return Contrast(first, second, "compared", pair, row)


def uncorrected_p(contrast: Contrast, compared: Mapping[Pair, PairedRuns]) -> float:
    """Return the p-value of a contrast as a single test, with the price of a run that might have stopped early; 1 where
    nothing was tested."""
    if contrast.pair is None or contrast.row is None or contrast.row.tested is None:
        return 1.0
    price = PRICE_OF_LOOKS if compared[contrast.pair].watched else 1.0
    return min(1.0, price * contrast.row.tested.p)
