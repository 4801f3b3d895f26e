"""Writes scores beside what candidates cost: which are dominated, by which, and whether the scores show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.compare.leaderboard.pareto import Front, Spot
from benchtui.compare.leaderboard.records import Axis, Candidate
from benchtui.compare.wording import p_number, three_figures
from benchtui.models.layout import size_text
from benchtui.reports.leaderboard.cells import change_words
from benchtui.reports.leaderboard.drawing import Drawing, Mark, drawing_svg
from benchtui.reports.leaderboard.sheets import NAME, Sheet, Words, short_name
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.verdicts import Tone
from benchtui.text import one_line

TITLES: dict[Axis, str] = {
    "size": "Size on disk",
    "memory": "Memory",
    "speed": "Tokens/s",
    "length": "Tokens an answer",
}
OTHERS = 34
"""Columns of a terminal that all but two names and the cost take."""
MOST_LABELS = 12
"""Names beside the marks of a drawing; more would cover each other."""
PARETO_COLUMNS = (
    "task",
    "metric",
    "cost",
    "candidate",
    "score",
    "value",
    "dominated_by",
    "score_difference",
    "low",
    "high",
    "p_holm",
    "tests",
    "score_shown",
)


def cost_words(value: float, axis: Axis) -> str:
    """Return a cost, bytes with their unit: "1.2 GB", "34.5"."""
    return size_text(value) if axis in ("size", "memory") else three_figures(value)


def front_sheet(
    front: Front,
    candidates: Sequence[Candidate],
    *,
    last: bool = True,
    width: int = 10_000,
    glyphs: Glyphs = UNICODE,
) -> Sheet:
    """Return one cost as a table of about `width` columns, the best score first; the `last` one says below what its
    words mean."""
    limit = (width - OTHERS - len(TITLES[front.axis])) // 2
    rows = tuple(
        (
            Words(_name(candidates, spot.candidate, limit)),
            Words(score_words(spot.score, is_share=front.column.is_share, digits=1)),
            Words(cost_words(spot.cost, front.axis)),
            dominator_words(spot, candidates, limit),
            *better_words(front, spot, glyphs),
        )
        for spot in front.spots
    )
    title = f"{one_line(front.column.title, NAME)} against {TITLES[front.axis].lower()}"
    header = ("Model", "Score", TITLES[front.axis], "Dominated by", "Better by", "p")
    said = (*front_sentences(front, candidates), *([how_dominated(front, glyphs)] if last else []))
    return Sheet(title, header, "lrrlrr", rows, said, svg=drawing_svg(front_drawing(front, candidates)))


def _name(candidates: Sequence[Candidate], place: int, limit: int = NAME) -> str:
    return short_name(candidates[place].name, limit)


def dominator_words(spot: Spot, candidates: Sequence[Candidate], limit: int = NAME) -> Words:
    """Return the name of the candidate that dominates this one."""
    return Words("none", "gain") if spot.dominated_by is None else Words(_name(candidates, spot.dominated_by, limit))


def better_words(front: Front, spot: Spot, glyphs: Glyphs = UNICODE) -> tuple[Words, Words]:
    """Return by how much the score of that one is better, with a sign where it is shown to be, and p."""
    contrast, by = spot.contrast, spot.dominated_by
    if contrast is None or by is None:
        return Words(""), Words("")
    change = contrast.change(by)
    if change is None:
        return Words(glyphs.more if contrast.state == "pending" else glyphs.odd, "muted"), Words("")
    number = change_words(change, is_share=front.column.is_share, glyphs=glyphs)
    tone: Tone = "loss" if spot.shown else "warning"
    sign = glyphs.gain if spot.shown else glyphs.nothing
    return Words(f"{number} {sign}", tone), Words("" if contrast.p is None else p_number(contrast.p), tone)


def front_sentences(front: Front, candidates: Sequence[Candidate]) -> Iterator[str]:
    """Yield what is not known."""
    if front.unknown:
        names = ", ".join(_name(candidates, place) for place in front.unknown[:5])
        more = f" and {len(front.unknown) - 5:,} more" if len(front.unknown) > 5 else ""
        yield f"{TITLES[front.axis]} not known: {names}{more}."


def how_dominated(front: Front, glyphs: Glyphs = UNICODE) -> str:
    """Say what dominated means, and how scores were tested."""
    return (
        "Dominated: another model scores at least as well, costs no more, and is better in one of the two; named is "
        f"the one with the best score. {glyphs.gain} its score is shown to be better; {glyphs.nothing} perhaps chance. "
        f"p is corrected (Holm) for all {front.tests:,} pairs of models with a score; costs are as measured."
    )


def front_drawing(front: Front, candidates: Sequence[Candidate]) -> Drawing:
    """Return the scores over the cost; the line joins those that no other dominates."""
    kept = set(front.front)
    marks = {
        spot.candidate: Mark(
            spot.cost,
            spot.score,
            f"{_name(candidates, spot.candidate)}: {score_words(spot.score, is_share=front.column.is_share)}, "
            f"{cost_words(spot.cost, front.axis)}",
            "best" if spot.candidate in kept else "plain",
            label=_name(candidates, spot.candidate) if spot.candidate in kept or len(front.spots) < MOST_LABELS else "",
        )
        for spot in front.spots
    }
    joined = sorted((marks[place] for place in kept), key=lambda mark: mark.x, reverse=front.axis == "speed")
    return Drawing(
        f"{one_line(front.column.title, NAME)} against {TITLES[front.axis].lower()}",
        f"{TITLES[front.axis]}; diamonds: no other model is better in both",
        tuple(marks.values()),
        tuple(joined),
        lambda cost: cost_words(cost, front.axis),
        front.column.is_share,
        stairs=True,
        logarithmic=front.axis in ("size", "memory"),
    )


def pareto_records(fronts: Sequence[Front], candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return one record a candidate and cost. The difference is the score of the one that dominates minus this one's,
    on lm-eval's own scale; costs are in bytes, tokens a second and tokens."""
    return [_record(front, spot, candidates) for front in fronts for spot in front.spots]


def _record(front: Front, spot: Spot, candidates: Sequence[Candidate]) -> dict[str, Any]:
    by, contrast = spot.dominated_by, spot.contrast
    interval = contrast.interval(by) if contrast is not None and by is not None else None
    return {
        "task": front.column.task,
        "metric": front.column.metric,
        "cost": front.axis,
        "candidate": candidates[spot.candidate].name,
        "score": spot.score,
        "value": spot.cost,
        "dominated_by": candidates[by].name if by is not None else None,
        "score_difference": contrast.change(by) if contrast is not None and by is not None else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "p_holm": contrast.p if contrast is not None else None,
        "tests": front.tests,
        "score_shown": spot.shown if by is not None else None,
    }
