"""The records of a choice: what is asked, and what is found of each candidate."""

from __future__ import annotations

from typing import Literal

import msgspec

from benchtui.compare.leaderboard.records import MEAN, Candidate, Column
from benchtui.settings.rows import MAX_LOSS


class NoWorse(msgspec.Struct, frozen=True):
    """The demand that a candidate has lost no more than so many points of a task against its reference."""

    task: str
    points: float


class Limits(msgspec.Struct, frozen=True):
    """What a candidate may cost at most: `size` and `memory` in bytes; and the least `speed` in tokens a second. None
    where it does not matter."""

    size: int | None = None
    memory: int | None = None
    speed: float | None = None


class Question(msgspec.Struct, frozen=True):
    """What is asked: by the scores of the column `by` (a task, or MEAN), the smallest candidate, or the `earliest` by
    training step, that is no worse than the best one by more than `within` points."""

    by: str = MEAN
    within: float = MAX_LOSS
    no_worse: tuple[NoWorse, ...] = ()
    limits: Limits = Limits()
    earliest: bool = False


class Demand(msgspec.Struct, frozen=True):
    """What became of one `NoWorse` for one candidate: `change` is its score minus the reference's, `why` says what
    keeps it from being told, "" where it is shown or refuted."""

    task: str
    points: float
    state: Literal["shown", "refuted", "cannot tell"]
    change: float | None = None
    why: str = ""


State = Literal["within", "worse", "cannot tell", "lost", "over", "unknown"]
"""Of a candidate: it is shown to be within the margin of the best one; shown to be worse by more than that; neither;
shown to have lost more of a task than it may; beyond a limit; its score or its cost is not known or cannot be compared,
so that it takes no part (`Judged.why`)."""


class Judged(msgspec.Struct, frozen=True):
    """One candidate by its place. `against` is the candidate that decided: for "within" the one that came nearest to
    refuting it, for the others the one that it is worse than, or that it cannot be told apart from. `change` is its
    score minus that one's, `p` the corrected p-value. `needed` is the smallest margin in points within which it would
    be shown to be of that one, None where no margin would do or it was not looked at."""

    place: int
    state: State
    score: float | None = None
    against: int | None = None
    change: float | None = None
    p: float | None = None
    needed: float | None = None
    demands: tuple[Demand, ...] = ()
    why: str = ""


class AgainstReference(msgspec.Struct, frozen=True):
    """The candidate that is kept against its reference: `change` is its score minus that one's, `p` the two-sided
    p-value, corrected over all candidates that might have been kept. `why` says what keeps them from being compared."""

    name: str
    change: float | None = None
    p: float | None = None
    why: str = ""


Outcome = Literal["found", "cannot tell", "nothing fits"]


class Pick(msgspec.Struct, frozen=True):
    """The answer: `picked` is the place of the candidate to keep, None unless one is found. `best` has the best score
    of those that took part, of which there were `of`; `reference` compares the picked one with its own."""

    question: Question
    column: Column
    candidates: tuple[Candidate, ...]
    judged: tuple[Judged, ...]
    outcome: Outcome
    picked: int | None = None
    best: int | None = None
    of: int = 0
    reference: AgainstReference | None = None

    def at(self, place: int) -> Judged:
        """Return what was found of the candidate at `place`."""
        return next(each for each in self.judged if each.place == place)
