"""Candidates whose answers are given as arrays of right and wrong, compared without any file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.leaderboard import columns_of
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.pick.decide import decide
from benchtui.compare.leaderboard.pick.records import Pick, Question
from benchtui.compare.leaderboard.records import Candidate, Facts, Key
from benchtui.compare.records import Pairing, Row, Side

Right = NDArray[np.bool_]
METRIC, FILTER = "acc", "none"


def candidates_of(
    answers: Mapping[str, Mapping[str, Right]], facts: Mapping[str, Facts] | None = None
) -> list[Candidate]:
    """Return a candidate for each name, with its answers to each task; "base" is the base of all."""
    found = []
    for number, (name, of_task) in enumerate(answers.items()):
        outcomes = [
            Outcome(task, f"{METRIC},{FILTER}", float(right.mean()), None, len(right), len(right), True, True, False)
            for task, right in of_task.items()
        ]
        found.append(
            Candidate(
                Key(name, base=name == "base"),
                name,
                None,
                "" if name == "base" else "base",
                tuple(outcomes),
                {task: Path(name) for task in of_task},
                facts=(facts or {}).get(name, Facts(size=1000 + number)),
                step=float(number),
            )
        )
    return found


def comparing(answers: Mapping[str, Mapping[str, Right]], *, watched: bool = False) -> Callable[[Pair], PairedRuns]:
    """Return what compares the answers of two names."""

    def compare(pair: Pair) -> PairedRuns:
        assert isinstance(pair, tuple)
        first, second = (answers[str(side)] for side in pair)
        return PairedRuns(tuple(_row(task, first[task], second[task]) for task in second if task in first), watched)

    return compare


def _row(task: str, first: Right, second: Right) -> Row:
    sides = [Side(float(each.mean()), None, None, len(each), len(each)) for each in (first, second)]
    terms = [np.stack([each.astype(float), np.ones(len(each))], axis=1) for each in (first, second)]
    found = difference(PairedTerms(AGGREGATIONS[0], *terms))
    return Row(task, task, METRIC, FILTER, "headline", 0, True, True, *sides, Pairing(len(first), 0, 0, 0), found, None)


def picked(
    answers: Mapping[str, Mapping[str, Right]],
    question: Question,
    facts: Mapping[str, Facts] | None = None,
    *,
    watched: bool = False,
) -> Pick:
    """Answer a question about these answers."""
    candidates = candidates_of(answers, facts)
    base = next((place for place, each in enumerate(candidates) if each.key.base), None)
    references = [None if each.key.base else base for each in candidates]
    return decide(candidates, references, columns_of(candidates), question, comparing(answers, watched=watched))


def states(found: Pick) -> dict[str, str]:
    return {found.candidates[each.place].name: each.state for each in found.judged}


def name_of(found: Pick) -> str | None:
    return None if found.picked is None else found.candidates[found.picked].name


def draw(rng: np.random.Generator, rates: Sequence[float], n: int, shared: float = 0.8) -> list[Right]:
    """Draw answers to the same documents: the model i is right with the chance rates[i], and two models agree more
    often the more is `shared`."""
    common, own = rng.standard_normal(n), rng.standard_normal((len(rates), n))
    level = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    from statistics import NormalDist

    return [level[number] < NormalDist().inv_cdf(rate) for number, rate in enumerate(rates)]
