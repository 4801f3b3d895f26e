"""What every report and the screen write in a cell of the leaderboard."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.records import Best, Cell, Column, Leaderboard
from benchtui.compare.records import Row
from benchtui.compare.wording import between, p_number
from benchtui.evidence.records import Interval
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import change_number, score_words
from benchtui.reports.wording.verdicts import Tone, short_words, tone_of, verdict_glyph
from benchtui.text import one_line

PENDING = "not compared yet"
LONGEST_REASON = 120


class CellWords(msgspec.Struct, frozen=True):
    """The parts of a cell, each "" where there is nothing to say.

    `mark` for the best, what is tied with it and what is partial; `score` with its `interval`; `n` where not the whole
    task was asked ("150 of 192", "early"), `seeds` how much those that were joined differ; `sign`, `change` and
    `difference` (the interval of the change) against the reference, `p` corrected over the leaderboard, `verdict` in a
    few words, or why the two cannot be compared; `note` what differs between two that can.
    """

    mark: str = ""
    score: str = ""
    interval: str = ""
    n: str = ""
    seeds: str = ""
    sign: str = ""
    change: str = ""
    difference: str = ""
    p: str = ""
    verdict: str = ""
    note: str = ""
    tone: Tone = "muted"


def cell_words(cell: Cell, column: Column, glyphs: Glyphs = UNICODE, *, mark: str = "") -> CellWords:
    """Return a cell in words; `mark` is that of the best candidate or of one that is tied with it."""
    none = "–" if glyphs is UNICODE else "-"
    if cell.value is None:
        return CellWords(score=none, verdict=_reason(cell))
    n = "" if cell.n >= cell.total else f"{cell.n:,} of {cell.total:,}"
    score = CellWords(
        mark + (glyphs.partial if cell.partial else ""),
        score_words(cell.value, is_share=column.is_share, digits=1),
        ends_words(cell.interval, is_share=column.is_share, glyphs=glyphs),
        ", ".join(filter(None, (n, "early" if cell.early else ""))),
        _seeds(cell, column),
    )
    if cell.state == "compared" and cell.row is not None:
        return _compared(score, cell.row, glyphs)
    if cell.state == "pending":
        return msgspec.structs.replace(score, sign=glyphs.more, verdict=PENDING)
    if cell.state == "not comparable":
        return msgspec.structs.replace(score, sign=glyphs.odd, verdict=_reason(cell), tone="warning")
    return score


def _seeds(cell: Cell, column: Column) -> str:
    if cell.between is None or not math.isfinite(cell.between.deviation):
        return ""
    deviation = score_words(cell.between.deviation, is_share=column.is_share, digits=1).removesuffix("%")
    return f"{cell.between.seeds} seeds, SD {deviation}"


def _reason(cell: Cell) -> str:
    return one_line(cell.why, LONGEST_REASON)


def ends_words(interval: Interval | None, *, is_share: bool, glyphs: Glyphs = UNICODE) -> str:
    """Return both ends of an interval: "40.7 to 56.0"; "" without one."""
    return "" if interval is None else between(interval, is_share=is_share).replace("−", _minus(glyphs))


def change_words(change: float, *, is_share: bool, glyphs: Glyphs = UNICODE) -> str:
    """Return a difference of two scores, in points for a share: "−3.1"."""
    return change_number(change, is_share=is_share, digits=1).replace("-", _minus(glyphs))


def _minus(glyphs: Glyphs) -> str:
    return "−" if glyphs is UNICODE else "-"


def _compared(score: CellWords, row: Row, glyphs: Glyphs) -> CellWords:
    change = change_words(row.change, is_share=row.is_share, glyphs=glyphs)
    ends = ends_words(row.interval, is_share=row.is_share, glyphs=glyphs)
    note = one_line("; ".join(row.notes), LONGEST_REASON)
    found = msgspec.structs.replace(score, change=change, difference=ends, note=note)
    if row.tested is not None and row.tested.p_holm is not None:
        found = msgspec.structs.replace(found, p=p_number(row.tested.p_holm))
    if row.verdict is None:
        return found
    no_loss = row.no_loss.margin if row.no_loss is not None else None
    kind, likely = row.verdict.kind, row.verdict.likely
    return msgspec.structs.replace(
        found,
        sign=verdict_glyph(kind, glyphs),
        verdict=short_words(kind, likely, no_loss, glyphs),
        tone=tone_of(row.verdict.tone),
    )


def mark_of(best: Best | None, place: int, glyphs: Glyphs = UNICODE) -> str:
    """Return the mark of the best of a column, or of those that cannot be told apart from its leader."""
    if best is None:
        return ""
    if best.shown:
        return glyphs.best if place == best.leader else ""
    return glyphs.tied if place in best.tied else ""


def row_words(board: Leaderboard, place: int, glyphs: Glyphs = UNICODE) -> tuple[CellWords, ...]:
    """Return the cells of one candidate."""
    bests = board.best or (None,) * len(board.columns)
    return tuple(
        cell_words(cell, column, glyphs, mark=mark_of(best, place, glyphs))
        for cell, column, best in zip(board.cells[place], board.columns, bests, strict=True)
    )


def outcome_words(
    outcomes: Sequence[Outcome], columns: Sequence[Column], glyphs: Glyphs = UNICODE
) -> tuple[CellWords, ...]:
    """Return the cells of scores compared with nothing: of a run that does not count, or of one seed. Scores of
    another metric than the column's are not shown."""
    by_key = {(outcome.task, outcome.metric): outcome for outcome in outcomes}
    return tuple(cell_words(_alone(by_key.get((column.task, column.metric))), column, glyphs) for column in columns)


def _alone(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Cell("missing")
    return Cell("reference", outcome.value, None, outcome.n, outcome.total, outcome.partial, outcome.early)


def usual_n(board: Leaderboard, column: int) -> int | None:
    """Return how many documents the scores of a column are over where all are over as many; None where they differ."""
    counts = {cells[column].n for cells in board.cells if cells[column].value is not None}
    return counts.pop() if len(counts) == 1 else None
