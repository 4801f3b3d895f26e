"""Leaderboards without runs on disk, in all states that a cell can have."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.records import (
    Best,
    BetweenSeeds,
    Candidate,
    CandidateRun,
    Cell,
    Column,
    Facts,
    Key,
    Leaderboard,
)
from benchtui.compare.records import Difference, Kind, Pairing, Row, Side, Verdict
from benchtui.evidence.records import Interval

ACC = Column("knows", "Facts", "acc,none", higher_is_better=True, is_share=True)
LOSS = Column("reads", "Reading", "word_perplexity,none", higher_is_better=False, is_share=False)


def row(column: Column, first: float, second: float, kind: Kind, p: float) -> Row:
    difference = Difference(
        200, 200, first, second, second - first, 0.02, Interval(second - first - 0.05, second - first + 0.05),
        p / 4, "exact McNemar", 0.05, p_holm=p,
    )  # fmt: skip
    side = Side(second, 0.02, Interval(second - 0.04, second + 0.04), 200, 200)
    return Row(
        column.task, column.title, "acc", "none", "headline", 0, column.higher_is_better, column.is_share,
        msgspec.structs.replace(side, value=first), side, Pairing(200, 0, 0, 0), difference,
        Verdict(kind, kind.value, f"{kind.value}: a sentence."),
    )  # fmt: skip


def compared(column: Column, first: float, second: float, kind: Kind, p: float = 0.004) -> Cell:
    found = row(column, first, second, kind, p)
    return Cell("compared", second, found.second.interval, 200, 200, row=found, run=Path("outputs/a/run"))


def candidate(name: str, **more: object) -> Candidate:
    facts = Facts(1_000_000_000, 2_000_000_000, 25.5, 100.0)
    return Candidate(Key(name), name, Path(name), base_name="base", facts=facts, **more)  # type: ignore[arg-type]


def board(names: tuple[str, ...] = ("good", "worse", "odd", "new"), why: str = "5 shots, not 0") -> Leaderboard:
    """A base and four candidates: shown better, shown worse, not comparable or partial, and pending or missing."""
    good, worse, odd, new = names
    seed = candidate(f"{good}-s1", seed=1, outcomes=(_outcome(0.62),))
    candidates = (
        Candidate(Key("base", base=True), "base", None),
        candidate(good, seeds=(seed, candidate(f"{good}-s2", seed=2, outcomes=(_outcome(0.58),)))),
        candidate(worse, others=(CandidateRun("r/2026", None, "partial", 1, "quick"),)),
        candidate(odd),
        candidate(new, problem="its result file is damaged"),
    )
    better = msgspec.structs.replace(compared(ACC, 0.4, 0.6, Kind.EXCELLENT), between=BetweenSeeds(2, 0.0282842712))
    cells = (
        (Cell("reference", 0.4, Interval(0.35, 0.45), 200, 200), Cell("reference", 12.5, None, 100, 100)),
        (better, compared(LOSS, 12.5, 10.25, Kind.BETTER)),
        (compared(ACC, 0.4, 0.3, Kind.LOSS), compared(LOSS, 12.5, 12.75, Kind.NO_DIFFERENCE, 0.4)),
        (
            Cell("not comparable", 0.55, None, 200, 200, why=why),
            Cell("not comparable", 11.0, None, 50, 100, partial=True, why="n = 50 of 100"),
        ),
        (Cell("pending", 0.58, None, 200, 200), Cell("missing")),
    )
    best = (Best(1, True, (1,), 5, 0.013), Best(1, False, (1, 3), 4, 0.25))
    return Leaderboard((ACC, LOSS), candidates, (None, 0, 0, 0, 0), cells, 7, best, ("A note.",))


def _outcome(value: float) -> Outcome:
    return Outcome(
        "knows",
        "acc,none",
        value,
        0.4,
        200,
        200,
        higher_is_better=True,
        is_share=True,
        partial=False,
        change=value - 0.4,
    )
