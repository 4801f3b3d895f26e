"""Which candidate to keep, as a table with sentences, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.compare.leaderboard.pick.records import AgainstReference, Judged, Pick
from benchtui.compare.leaderboard.records import Axis, Candidate
from benchtui.compare.wording import p_words, points
from benchtui.evidence.records import ALPHA
from benchtui.points import point_words
from benchtui.reports.leaderboard.pareto import cost_words
from benchtui.reports.wording.numbers import score_words
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {"within": "green", "worse": "red", "lost": "red", "cannot tell": "yellow", "over": "dim", "unknown": "dim"}
_SIGNS = {"within": "=", "worse": "-", "lost": "-", "cannot tell": "?", "over": " ", "unknown": " "}
_NAMES = 6
_LEAST_NAME = 20
_WIDE = 80


def pick_table(pick: Pick, width: int = _WIDE) -> Table:
    """Return what was found of each candidate, those that took part first, the best score on top. In fewer than _WIDE
    columns costs and what was found stand below each name."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    made.add_column("")
    made.add_column("Model", overflow="fold", min_width=_LEAST_NAME)
    costs, narrow = _costs(pick), width < _WIDE
    for name in (pick.column.title, *([] if narrow else costs)):
        made.add_column(Text(one_line(name, 40)), justify="right")
    if not narrow:
        made.add_column("Found", overflow="fold")
    for judged in _ordered(pick):
        cells = (
            ">" if judged.place == pick.picked else _SIGNS[judged.state],
            name_of(pick, judged.place),
            score_words(judged.score, is_share=True, digits=1) if judged.score is not None else "",
            *(words(pick.candidates[judged.place]) for words in costs.values()),
        )
        found = Text(found_words(pick, judged), style=_STYLES[judged.state])
        sign, model, score, *spent = map(Text, cells)
        if narrow:
            told = [Text(f"{what} {cost}") for what, cost in zip(costs, spent, strict=True) if cost]
            made.add_row(sign, Text("\n").join((model, *told, found)), score)
        else:
            made.add_row(sign, model, score, *spent, found)
    return made


def _costs(pick: Pick) -> dict[str, Callable[[Candidate], str]]:
    """Return what the choice is by, and what is limited: the heading, and each candidate's in words."""
    limits, found = pick.question.limits, dict[str, Callable[[Candidate], str]]()
    if pick.question.earliest:
        found["Step"] = lambda candidate: "" if candidate.step is None else f"{candidate.step:g}"
    if not pick.question.earliest or limits.size is not None:
        found["Size"] = lambda candidate: _cost(candidate, "size")
    if limits.memory is not None:
        found["Memory"] = lambda candidate: _cost(candidate, "memory")
    if limits.speed is not None:
        found["tokens/s"] = lambda candidate: _cost(candidate, "speed")
    return found


def _cost(candidate: Candidate, axis: Axis) -> str:
    cost = candidate.facts.cost(axis)
    return "" if cost is None else cost_words(cost, axis)


def _ordered(pick: Pick) -> list[Judged]:
    sign = -1 if pick.column.higher_is_better else 1

    def key(judged: Judged) -> tuple[bool, bool, float]:
        return judged.state in ("over", "unknown"), judged.score is None, sign * (judged.score or 0.0)

    return sorted(pick.judged, key=key)


def name_of(pick: Pick, place: int) -> str:
    """Return a candidate's name as it is shown."""
    return one_line(pick.candidates[place].name, 80)


def found_words(pick: Pick, judged: Judged) -> str:
    """Return what was found of one candidate: "within 3 points: shown (p = 0.012)"."""
    margin = point_words(pick.question.within)
    against = ""
    if judged.against is not None and judged.change is not None:
        against = f"{points(judged.change)} against {name_of(pick, judged.against)}"
    p = f" ({p_words(judged.p)})" if judged.p is not None else ""
    if judged.state == "within":
        return f"within {margin}: shown{p}" if pick.of > 1 else "the only one"
    if judged.state == "worse":
        return f"worse by over {margin}: shown{p}, {against}"
    if judged.state != "cannot tell":
        return one_line(judged.why, 200)
    untold = [demand for demand in judged.demands if demand.state != "shown"]
    parts = [against] if against else []
    if judged.needed is not None:
        parts.append(f"the loss may be up to {judged.needed:.1f} points")
    parts += [f"no loss over {point_words(each.points)} of {one_line(each.task, 60)} is not shown" for each in untold]
    parts += [one_line(judged.why, 200)] if judged.why else []
    return f"cannot tell{': ' if parts else ''}{'; '.join(parts)}"


def pick_sentences(pick: Pick) -> Iterator[str]:
    """Yield the answer and what is to be known about it, a sentence each."""
    yield answer(pick)
    if pick.picked is not None:
        rival = [judged for judged in pick.judged if judged.state == "cannot tell" and _before(pick, judged.place)]
        if rival:
            what = "Earlier" if pick.question.earliest else "Smaller"
            yield f"{what}, but not shown to be within the margin: {_names(pick, rival)}."
    if pick.reference is not None:
        yield reference_words(pick.reference)
    left_out = [judged for judged in pick.judged if judged.state == "unknown"]
    if left_out:
        yield f"Not compared, so not among those the best was looked for: {_names(pick, left_out)}."
    if pick.outcome == "cannot tell" and pick.of > 1:
        yield (
            "More samples, fewer models (name them) or a wider margin (--within) show more; "
            f"`benchtui plan --models {pick.of}` says how many samples."
        )


def reference_words(found: AgainstReference) -> str:
    """Return what the one that is kept is against its reference: "Against base-1: +12.3 points (p < 0.001)."."""
    name = one_line(found.name, 80)
    if found.change is None or found.p is None:
        return f"It cannot be compared with {name}: {one_line(found.why, 200)}."
    shown = "" if found.p < ALPHA else ": no difference is shown"
    return f"Against {name}: {points(found.change)} points ({p_words(found.p)}){shown}."


def answer(pick: Pick) -> str:
    """Return the answer in one sentence."""
    margin, by = point_words(pick.question.within), one_line(pick.column.title, 60)
    if pick.picked is not None:
        what = "earliest" if pick.question.earliest else "smallest"
        if pick.of == 1:
            return f"Keep {name_of(pick, pick.picked)}: the only one that can be compared within the limits."
        return (
            f"Keep {name_of(pick, pick.picked)}: of {pick.of} models the {what} that is shown to be within {margin} of "
            f"the best one by {by}{_also(pick)}."
        )
    if pick.outcome == "nothing fits":
        return f"Nothing fits: {_reasons(pick)}."
    if not pick.of:
        return f"Cannot tell: {_reasons(pick)}."
    none = f"none of {pick.of} is shown to be within {margin} of the best one by {by}"
    return f"Cannot tell which to keep: {none}{_also(pick)}."


def _also(pick: Pick) -> str:
    asked = [f"{point_words(each.points)} of {one_line(each.task, 60)}" for each in pick.question.no_worse]
    return f", and to have lost no more than {' and '.join(asked)}" if asked else ""


def _before(pick: Pick, place: int) -> bool:
    """Return whether a candidate would have come before the one that is kept."""
    assert pick.picked is not None  # noqa: S101 - only asked then
    mine, theirs = pick.candidates[place], pick.candidates[pick.picked]
    if pick.question.earliest:
        return mine.step is not None and (theirs.step is None or mine.step < theirs.step)
    return mine.facts.size is not None and (theirs.facts.size is None or mine.facts.size < theirs.facts.size)


def _names(pick: Pick, judged: list[Judged]) -> str:
    names = [name_of(pick, each.place) for each in judged[:_NAMES]]
    more = len(judged) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _reasons(pick: Pick) -> str:
    """Return how many candidates take no part, and why, with the first of each kind."""
    told = []
    for state, words in (
        ("over", "beyond a limit"),
        ("lost", "shown to have lost too much"),
        ("unknown", "not compared"),
    ):
        of_state = [judged for judged in pick.judged if judged.state == state]
        if of_state:
            first = of_state[0]
            why = f"{name_of(pick, first.place)}: {one_line(first.why, 120)}"
            told.append(f"{len(of_state):,} of {len(pick.judged):,} models {words} ({why})")
    return "; ".join(told)


def pick_document(pick: Pick) -> dict[str, Any]:
    """Return all of it for JSON: scores and changes on lm-eval's scale, margins in points, bytes, tokens a second."""
    return {
        "outcome": pick.outcome,
        "answer": answer(pick),
        "picked": pick.candidates[pick.picked].name if pick.picked is not None else None,
        "against_reference": msgspec.to_builtins(pick.reference),
        "best": pick.candidates[pick.best].name if pick.best is not None else None,
        "question": msgspec.to_builtins(pick.question),
        "by": {"task": pick.column.task, "metric": pick.column.metric, "tasks": list(pick.column.tasks)},
        "models": [_candidate(pick, judged) for judged in _ordered(pick)],
    }


def _candidate(pick: Pick, judged: Judged) -> dict[str, Any]:
    candidate = pick.candidates[judged.place]
    return {
        "name": candidate.name,
        **msgspec.to_builtins(candidate.key),
        "state": judged.state,
        "score": judged.score,
        "against": pick.candidates[judged.against].name if judged.against is not None else None,
        "change": judged.change,
        "p": judged.p,
        "loss_up_to": judged.needed,
        "no_worse": msgspec.to_builtins(judged.demands),
        "why": judged.why,
        "step": candidate.step,
        **msgspec.to_builtins(candidate.facts),
        "runs": {task: str(run) for task, run in candidate.runs.items()},
    }
