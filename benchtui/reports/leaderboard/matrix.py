"""Writes the pairwise matrix: above the diagonal the differences, below it their corrected p-values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.compare.leaderboard.cells import score_of
from benchtui.compare.leaderboard.contrasts import Contrast
from benchtui.compare.leaderboard.matrix import Matrix
from benchtui.compare.wording import p_number
from benchtui.reports.leaderboard.cells import change_words
from benchtui.reports.leaderboard.sheets import NAME, Sheet, Words, short_name
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.text import one_line

MOST_REASONS = 3
"""Sentences on what is not comparable; files have one for each pair."""
CELL = 8
"""Columns of a terminal for one of the matrix's."""
PAIR_COLUMNS = (
    "task",
    "metric",
    "first",
    "second",
    "state",
    "change",
    "low",
    "high",
    "p",
    "p_holm",
    "tests",
    "better",
    "why",
    "first_run",
    "second_run",
)


def matrix_sheet(matrix: Matrix, *, width: int = 10_000, glyphs: Glyphs = UNICODE) -> Sheet:
    """Return the matrix as a table; of its columns those that `width` has room for."""
    names = [short_name(matrix.candidates[place].name, width // 3) for place in matrix.order]
    taken = max(map(len, [*names, "Model"])) + len(str(len(names))) + 12
    shown = matrix.order[: max((width - taken) // CELL, 1)]
    rows = []
    for number, (place, name) in enumerate(zip(matrix.order, names, strict=True)):
        cells = [matrix_cell(matrix, place, other, glyphs) for other in shown]
        rows.append((Words(str(number + 1)), Words(name), Words(score_cell(matrix, place)), *cells))
    header = ("#", "Model", "Score", *(str(number + 1) for number in range(len(shown))))
    title = f"{one_line(matrix.column.title, NAME)}: every pair"
    said = tuple(matrix_sentences(matrix, len(shown), glyphs))
    return Sheet(title, header, "rlr" + "r" * len(shown), tuple(rows), said)


def score_cell(matrix: Matrix, place: int) -> str:
    """Return the score of the candidate at `place`: "58.2%"."""
    outcome = score_of(matrix.candidates[place], matrix.column)
    return "" if outcome is None else score_words(outcome.value, is_share=matrix.column.is_share, digits=1)


def matrix_cell(matrix: Matrix, place: int, other: int, glyphs: Glyphs = UNICODE) -> Words:
    """Return the difference where the row is ranked above the column, else p; a sign says what is shown."""
    if place == other:
        return Words("")
    contrast = matrix.contrast(place, other)
    if contrast.state != "compared":
        return Words(glyphs.more if contrast.state == "pending" else glyphs.odd, "muted")
    above = matrix.order.index(place) < matrix.order.index(other)
    if not above:
        return Words("early" if contrast.p is None else p_number(contrast.p), None if contrast.better else "muted")
    return difference_words(contrast, place, glyphs)


def difference_words(contrast: Contrast, place: int, glyphs: Glyphs = UNICODE) -> Words:
    """Return by how much the candidate at `place` scores higher, in points for a share: "+3.1 ▲" where it is shown to
    be better."""
    change = contrast.change(place)
    assert change is not None  # noqa: S101 - the caller looked
    assert contrast.row is not None  # noqa: S101
    number = change_words(change, is_share=contrast.row.is_share, glyphs=glyphs)
    if contrast.better is None:
        return Words(f"{number} {glyphs.nothing}", "muted")
    return Words(
        f"{number} {glyphs.gain if contrast.better == place else glyphs.loss}",
        "gain" if contrast.better == place else "loss",
    )


def matrix_sentences(matrix: Matrix, shown: int, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield what the cells mean, and what is not in them."""
    unit = "in points" if matrix.column.is_share else "on its own scale"
    models = f"{matrix.of:,} models"
    yield (
        f"Above the diagonal: the score of the row minus that of the column, {unit} ({glyphs.gain} shown to be better, "
        f"{glyphs.loss} worse, {glyphs.nothing} not shown). Below it: p, corrected (Holm) for all "
        f"{matrix.tests:,} pairs of {models}."
    )
    yield from _leader(matrix)
    if matrix.of > len(matrix.order):
        yield f"These are the best {len(matrix.order)} of {models}; name MODELs to see others."
    if shown < len(matrix.order):
        left_out = len(matrix.order) - shown
        yield f"No room for {left_out} column{'s' * (left_out > 1)}: widen the terminal, or ask for --format csv."
    if matrix.pending:
        yield f"{matrix.pending:,} pairs are still to be compared ({glyphs.more})."
    odd = [contrast for contrast in matrix.contrasts.values() if contrast.state == "not comparable"]
    for contrast in odd[:MOST_REASONS]:
        yield f"{glyphs.odd} {why_words(matrix.candidates, contrast)}"
    if len(odd) > MOST_REASONS:
        yield f"{glyphs.odd} {len(odd) - MOST_REASONS:,} more pairs are not comparable: --format json says why."


def why_words(candidates: Sequence[Any], contrast: Contrast) -> str:
    """Return why two candidates are not compared, with their names."""
    names = [short_name(candidates[place].name) for place in (contrast.first, contrast.second)]
    return f"{names[0]} and {names[1]}: not comparable: {one_line(contrast.why, 300)}"


def _leader(matrix: Matrix) -> Iterator[str]:
    if len(matrix.order) < 2 or matrix.pending:
        return
    leader, *others = matrix.order
    name = short_name(matrix.candidates[leader].name)
    beaten = sum(matrix.contrast(leader, other).better == leader for other in others)
    if beaten == len(others):
        yield f"{name} is shown to be better than every other one here."
    else:
        yield f"{name} has the best score, and is shown to be better than {beaten} of the {len(others)} others here."


def matrix_records(matrix: Matrix) -> list[dict[str, Any]]:
    """Return one record a pair: second minus first on lm-eval's own scale."""
    return [_record(matrix, contrast) for contrast in matrix.contrasts.values()]


def _record(matrix: Matrix, contrast: Contrast) -> dict[str, Any]:
    first, second = (matrix.candidates[place] for place in (contrast.first, contrast.second))
    interval = contrast.interval(contrast.second)
    tested = contrast.row.tested if contrast.row is not None and contrast.state == "compared" else None
    return {
        "task": matrix.column.task,
        "metric": matrix.column.metric,
        "first": first.name,
        "second": second.name,
        "state": contrast.state,
        "change": contrast.change(contrast.second),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "p": tested.p if tested else None,
        "p_holm": tested.p_holm if tested else None,
        "tests": matrix.tests,
        "better": matrix.candidates[contrast.better].name if contrast.better is not None else None,
        "why": contrast.why,
        "first_run": str(contrast.pair[0]) if isinstance(contrast.pair, tuple) else None,
        "second_run": str(contrast.pair[1]) if isinstance(contrast.pair, tuple) else None,
    }
