"""Decides which candidate to keep.

A candidate is shown to be within the margin of the best one where against every other candidate a loss over the margin
is excluded (an intersection-union test: whichever is the best, it is among them), and where every `NoWorse` of the
question is shown. The p-value is the largest of these. Since one of all candidates is kept, Holm's correction is over
all of them: an answer that is truly worse by more than the margin is given in at most 5 % of cases. Without other
demands one of the candidates is the best and so truly within, hence one fewer can be wrong.

A candidate that is shown to have lost more of a task than it may is no longer one to be compared with; that takes
`SPENT_ON_LOSSES` of the 5 %. "Worse" is corrected over all ordered pairs of candidates, as any of them may be looked
at. What cannot be compared counts as p = 1 in all of this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.leaderboard.candidates import find_candidates
from benchtui.compare.leaderboard.cells import pair_of
from benchtui.compare.leaderboard.contrasts import couple, pair_of_couple, separate
from benchtui.compare.leaderboard.leaderboard import columns_of, references_of
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns, PairReader
from benchtui.compare.leaderboard.pick.chances import Loss, loss_of
from benchtui.compare.leaderboard.pick.considered import column_of, considered
from benchtui.compare.leaderboard.pick.records import AgainstReference, Demand, Judged, NoWorse, Outcome, Pick, Question
from benchtui.compare.leaderboard.records import OWN_BASE, Candidate, Column
from benchtui.errors import BenchtuiError
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import ALPHA

SPENT_ON_LOSSES = 0.01
"""The part of the error that goes to leaving out candidates that have lost too much of a task."""

Compare = Callable[[Pair], PairedRuns]
"""Compares runs with all that tests at any margin need (`PairReader.compare_whole`)."""

Tell = Callable[[int, int], None]


def ask(
    outputs: Path,
    models: Sequence[str],
    question: Question,
    *,
    reference: str = OWN_BASE,
    tell: Tell = lambda _done, _every: None,
) -> Pick:
    """Answer the question about everything that was evaluated in `outputs`, or the named models alone. `tell` is told
    how much is done, and of how much.

    Raises UsageError for a folder, model, reference or task that is not there, BenchtuiError where nothing was
    evaluated.
    """
    candidates = separate(find_candidates(outputs, models))
    if all(candidate.key.base for candidate in candidates):
        raise BenchtuiError(f"No model in {outputs} has results yet.", "Type `benchtui run` first.")
    references = references_of(candidates, reference)
    return decide(candidates, references, columns_of(candidates), question, PairReader().compare_whole, tell)


def decide(
    candidates: Sequence[Candidate],
    references: Sequence[int | None],
    columns: Sequence[Column],
    question: Question,
    compare: Compare,
    tell: Tell = lambda _done, _every: None,
) -> Pick:
    """Answer the question. `references` say what each candidate's losses are against.

    Raises UsageError for a task that is no column, or of which points mean nothing.
    """
    column = column_of(columns, question.by)
    of_demands = {demand.task: column_of(columns, demand.task) for demand in question.no_worse}
    return _Decision(candidates, references, question, column, of_demands, compare, tell).made()


class _Decision:
    """One question on its way to the answer."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        references: Sequence[int | None],
        question: Question,
        column: Column,
        of_demands: Mapping[str, Column],
        compare: Compare,
        tell: Tell,
    ) -> None:
        self._candidates, self._references, self._question = candidates, references, question
        self._column, self._of_demands, self._compare = column, of_demands, compare
        self._tell, self._done = tell, 0
        self._margin = question.within / 100
        self._level = ALPHA - (SPENT_ON_LOSSES if question.no_worse else 0.0)
        self._found: dict[int, Judged] = {}
        self._losses: dict[tuple[int, int], Loss] = {}
        self._each = ALPHA

    def made(self) -> Pick:
        took_part = considered(self._candidates, self._column, self._question.limits)
        self._found = {judged.place: judged for judged in took_part}
        part = [place for place, found in self._found.items() if found.state == "cannot tell"]
        most_wrong = len(part) if self._question.no_worse else max(1, len(part) - 1)
        self._each = self._level / max(1, most_wrong)
        of_demands = self._after_demands(part)
        ranked = self._comparable(
            sorted((place for place in part if self._found[place].state == "cannot tell"), key=self._by_score)
        )
        self._against_each_other(ranked, of_demands, len(part), most_wrong)
        within = [place for place in ranked if self._found[place].state == "within"]
        picked = min(within, key=self._preference, default=None)
        return Pick(
            self._question,
            self._column,
            tuple(self._candidates),
            tuple(self._found.values()),
            self._outcome(picked),
            picked,
            ranked[0] if ranked else None,
            len(ranked),
            self._against_reference(picked, len(part)) if picked is not None else None,
        )

    def _by_score(self, place: int) -> tuple[float, int]:
        score = self._found[place].score or 0.0
        return (-score if self._column.higher_is_better else score), place

    def _preference(self, place: int) -> tuple[float, float, float, int]:
        """Return what orders those that are within the margin: by size or by step, then by score."""
        candidate = self._candidates[place]
        size = math.inf if candidate.facts.size is None else float(candidate.facts.size)
        step = math.inf if candidate.step is None else candidate.step
        first, second = (step, size) if self._question.earliest else (size, step)
        score, _ = self._by_score(place)
        return (first, second, score, place) if self._question.earliest else (first, score, second, place)

    # The demands on single tasks

    def _after_demands(self, part: Sequence[int]) -> dict[int, float]:
        """Judge every `NoWorse` of each candidate; returns the largest p-value of each."""
        tests, largest = len(part) * len(self._question.no_worse), {}
        for place in part:
            judged = [self._demand(place, demand, tests) for demand in self._question.no_worse]
            demands = tuple(demand for demand, _ in judged)
            lost = [demand.task for demand in demands if demand.state == "refuted"]
            why = f"lost more than allowed of {', '.join(lost)}" if lost else ""
            self._update(place, state="lost" if lost else "cannot tell", demands=demands, why=why)
            largest[place] = max((p for _, p in judged), default=0.0)
        return largest

    def _demand(self, place: int, demand: NoWorse, tests: int) -> tuple[Demand, float]:
        column = self._of_demands[demand.task]
        pair = pair_of(self._candidates, self._references, place, column)
        if pair is None:
            return Demand(demand.task, demand.points, "cannot tell", why="there is no result to compare it with"), 1.0
        loss = self._loss(pair, column, demand.points / 100, of_second=True)
        if loss.shown * tests < SPENT_ON_LOSSES:
            return Demand(demand.task, demand.points, "refuted", loss.change), 1.0
        if loss.excluded * tests < self._level:
            return Demand(demand.task, demand.points, "shown", loss.change), loss.excluded
        return Demand(demand.task, demand.points, "cannot tell", loss.change, loss.why), loss.excluded

    # One candidate against another

    def _comparable(self, ranked: Sequence[int]) -> list[int]:
        """Leave out those that were asked otherwise than most, so that no score of theirs can be compared."""
        left = list(ranked)
        while len(left) > 1:
            leader, others = left[0], left[1:]
            why = {}
            for place in others:
                why[place] = self._between(place, leader).why
                self._step(2 * len(ranked) - 1)
            apart = [place for place in others if why[place]]
            if 2 * len(apart) <= len(others):
                for place in apart:
                    self._update(place, state="unknown", against=leader, why=why[place])
                return [place for place in left if place not in apart]
            self._update(leader, state="unknown", against=apart[0], why=why[apart[0]])
            left = others
        return left

    def _against_each_other(
        self, ranked: Sequence[int], of_demands: Mapping[int, float], tests: int, most_wrong: int
    ) -> None:
        largest = {}
        for place in ranked:
            largest[place] = max(of_demands[place], self._against_all(place, ranked, tests))
            self._step(2 * len(ranked) - 1)
        corrected = holm(list(largest.values()), most_wrong, tests=tests)
        for place, p in zip(largest, corrected, strict=True):
            found = self._found[place]
            if found.state == "worse":
                continue
            if p >= self._level:
                self._update(place, p=p, why=found.why or _why_not_shown(found))
                continue
            demands = tuple(msgspec.structs.replace(demand, state="shown") for demand in found.demands)
            self._update(place, state="within", p=p, demands=demands, why="")

    def _against_all(self, place: int, ranked: Sequence[int], tests: int) -> float:
        """Return the largest p-value against the others, best ones first; the first that is over the level ends it."""
        largest, ordered = 0.0, tests * (tests - 1)
        for other in ranked:
            if other == place:
                continue
            loss = self._between(place, other)
            if loss.excluded > largest or self._found[place].against is None:
                self._update(place, against=other, change=loss.change, why=loss.why)
            largest = max(largest, loss.excluded)
            if loss.shown * ordered < ALPHA:
                self._update(place, state="worse", against=other, change=loss.change, p=loss.shown * ordered)
                return 1.0
            if loss.largest is not None and loss.largest > self._margin:
                self._update(place, needed=max(100 * loss.largest, self._found[place].needed or 0.0))
            if loss.excluded >= self._level:
                return loss.excluded
        return largest

    def _between(self, place: int, other: int) -> Loss:
        """Test a loss of the candidate at `place` against the other one."""
        if (place, other) not in self._losses:
            pair = pair_of_couple(self._candidates, couple(place, other), self._column)
            missing = Loss(why="one of them has no result")
            self._losses[place, other] = (
                missing if pair is None else self._loss(pair, self._column, self._margin, of_second=place > other)
            )
        return self._losses[place, other]

    def _loss(self, pair: Pair, column: Column, margin: float, *, of_second: bool) -> Loss:
        runs = self._compare(pair)
        row = runs.row(column.task)
        if row is None or row.key != column.metric:
            return Loss(why=runs.problem or "the column's metric is not in both runs")
        found = loss_of(row, margin, self._each, of_second=of_second, watched=runs.watched)
        return msgspec.structs.replace(found, why=runs.reasons.get(column.task, "") or found.why)

    # The answer

    def _against_reference(self, place: int, tests: int) -> AgainstReference | None:
        reference = self._references[place]
        if reference is None:
            return None
        name = self._candidates[reference].name
        pair = pair_of(self._candidates, self._references, place, self._column)
        if pair is None:
            return AgainstReference(name, why="it has no result of this task")
        loss = self._loss(pair, self._column, 0.0, of_second=True)
        p = min(1.0, 2 * tests * min(loss.excluded, loss.shown)) if not loss.why else None
        return AgainstReference(name, loss.change, p, loss.why)

    def _step(self, every: int) -> None:
        self._done += 1
        self._tell(min(self._done, every), every)

    def _update(self, place: int, **changes: object) -> None:
        self._found[place] = msgspec.structs.replace(self._found[place], **changes)

    def _outcome(self, picked: int | None) -> Outcome:
        if picked is not None:
            return "found"
        open_ones = any(found.state in ("cannot tell", "unknown", "within") for found in self._found.values())
        return "cannot tell" if open_ones else "nothing fits"


def _why_not_shown(found: Judged) -> str:
    untold = [demand for demand in found.demands if demand.why]
    return untold[0].why if untold else ""
