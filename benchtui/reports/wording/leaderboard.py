"""The sentences below a leaderboard: who is best, what was corrected and how, what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchtui.compare.leaderboard.records import Best, Column, Leaderboard
from benchtui.compare.wording import points
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.scores import metric_name
from benchtui.text import one_line

MOST_NAMES = 4
"""Names in one sentence; more are counted, and all are marked in the table."""

HARDLY = 0.0005
"""Below this no tenth of a point is left."""

WHY_HOLM = (
    "Holm's correction and not Dunnett's test: it holds for exact tests of right and wrong, for any dependence between "
    "models of one base, and for different references; Dunnett's test needs normal scores with one variance"
)


def best_sentences(board: Leaderboard) -> list[str]:
    """Say of each column who is best, or who cannot be told apart, and how much of the leader's score is owed to
    choosing it."""
    return [
        f"{column.title}: {_who(board, best)}{_apart(best)}{_so_far(best)}{_shrinkage(column, best)}"
        for column, best in zip(board.columns, board.best, strict=False)
        if best is not None
    ]


def _who(board: Leaderboard, best: Best) -> str:
    leader = _name(board, best.leader)
    if best.shown:
        return f"{leader} is best, shown to be better than {_others(best.of - 1)}."
    if len(best.tied) > 1:
        ordered = [best.leader, *(place for place in best.tied if place != best.leader)]
        return f"these {len(best.tied)} cannot be told apart: {_names(board, ordered)}."
    return f"{leader} has the best score; that it is better than the others is not shown."


def _apart(best: Best) -> str:
    """Say how many scores the leader cannot be compared with."""
    if not best.apart:
        return ""
    return f" {len(best.apart):,} more cannot be compared with {'it' if best.shown else 'the first'}."


def _so_far(best: Best) -> str:
    return f" {best.pending:,} comparisons with it are still to be made." if best.pending else ""


def _others(count: int) -> str:
    return "the other one" if count == 1 else f"each of the {count:,} others"


def _names(board: Leaderboard, places: Sequence[int]) -> str:
    named = [_name(board, place) for place in places[:MOST_NAMES]]
    left = len(places) - len(named)
    return ", ".join(named) + (f" and {left:,} more" if left else "")


def _name(board: Leaderboard, place: int) -> str:
    return one_line(board.candidates[place].name, 80)


def _shrinkage(column: Column, best: Best) -> str:
    if best.shrinkage is None:
        return ""
    leader = "it" if best.shown else "the first"
    side = "lower" if column.higher_is_better else "higher"
    size = f"{points(best.shrinkage, signed=False)} points" if column.is_share else f"{best.shrinkage:.3g}"
    much = "hardly" if best.shrinkage < (HARDLY if column.is_share else 1e-12) else size
    return f" Chosen as the best of {best.of:,}, {leader} is expected to score {much} {side} on new samples."


def reference_words(board: Leaderboard) -> str:
    """Say what the changes are against: "its own base", the name of a row, "" where nothing is compared."""
    places = {place for place in board.references if place is not None}
    if not places:
        return ""
    if len(places) == 1:
        return _name(board, places.pop())
    return "its own base" if all(board.candidates[place].key.base for place in places) else "its reference"


def legend(board: Leaderboard, glyphs: Glyphs = UNICODE) -> list[str]:
    """Say what signs, changes and p-values are, and what they were corrected for."""
    told = []
    measured = "; ".join(f"{one_line(column.title, 60)}: {measure_words(column)}" for column in board.columns)
    if measured:
        told.append(f"Measured by: {measured}.")
    reference = reference_words(board)
    if reference:
        told.append(
            f"Changes in points against {reference}: {glyphs.gain} better, {glyphs.loss} worse, {glyphs.nothing} no "
            "difference shown. Intervals: 95 % CI, of each score and change alone."
        )
    if board.tests > 1:
        told.append(
            f"Signs, verdicts and p: corrected together for {board.tests:,} tests, all models x tasks. {WHY_HOLM}."
        )
    led = [best for best in board.best if best is not None]
    marks = [f"{glyphs.best} best, and shown to be"] if any(best.shown for best in led) else []
    marks += [f"{glyphs.tied} cannot be told apart from the leader"] if not all(best.shown for best in led) else []
    cells = [cell for row in board.cells for cell in row]
    marks += [f"{glyphs.partial} partial"] if any(cell.partial for cell in cells) else []
    marks += ["early: stopped before all samples were asked"] if any(cell.early for cell in cells) else []
    if marks:
        told.append(f"{'; '.join(marks)}.")
    return told


def measure_words(column: Column) -> str:
    """Return what a column's scores are: its metric, or which tasks it is the mean of."""
    if column.tasks:
        return f"the plain mean of {', '.join(one_line(task, 40) for task in column.tasks)}"
    metric, _, filtered = column.metric.partition(",")
    return metric_name(one_line(metric, 60), one_line(filtered, 60), 1) + (
        "" if column.higher_is_better else ", less is better"
    )


def warnings(board: Leaderboard) -> list[str]:
    """Say what a reader has to know before believing the table: cells that are not compared yet, runs that cannot be
    read, and the notes of the leaderboard itself."""
    told = []
    if board.pending:
        told.append(
            f"Not compared yet: {board.pending:,} of {board.tests:,}. They count as tests that show nothing, so "
            "what is shown stays shown."
        )
    told += board.notes
    told += [
        f"{one_line(candidate.name, 80)}: {one_line(candidate.problem, 300)}"
        for candidate in board.candidates
        if candidate.problem
    ]
    return told


class Reasons:
    """Numbers the reasons why cells are not comparable, and the notes on what differs, in the order in which they are
    met: a cell has the number, the words are below the table."""

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        self._numbers: dict[str, int] = {}
        self._signs: list[str] = []
        self._glyphs = glyphs

    def number(self, reason: str, *, comparable: bool = False) -> str:
        """Return the mark of a reason, or of a note on two runs that are `comparable`: "(1)"; "" for none."""
        if not reason:
            return ""
        if reason not in self._numbers:
            self._numbers[reason] = len(self._numbers) + 1
            self._signs.append("! the runs differ in" if comparable else self._glyphs.odd)
        return f"({self._numbers[reason]})"

    def lines(self, most: int = 20) -> Iterator[str]:
        """Yield each reason with its sign and number."""
        for (reason, number), sign in list(zip(self._numbers.items(), self._signs, strict=True))[:most]:
            mark, _, words = sign.partition(" ")
            yield f"{mark} ({number}) {words} {reason}".replace("  ", " ")
        if len(self._numbers) > most:
            yield f"{len(self._numbers) - most:,} more reasons: --format json has them all."
