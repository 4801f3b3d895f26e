"""Writes what a check of one's own data found: sentences with the places of rows, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchtui.compare.own_rows import Outcomes
from benchtui.compare.planning import ASSUMED_CHANGE
from benchtui.evidence.power import detectable_share, samples_needed
from benchtui.points import point_words
from benchtui.tasks.data.check import DataCheck, Misjudged
from benchtui.text import json_text, one_line

GAIN = 0.05
"""The change whose price in documents is named: 5 points."""
_NAMED = 5
"""Places that a line names."""


def about_check(found: DataCheck, seen: Outcomes | None) -> Iterator[str]:
    """Yield the lines about one data set: the verdict first, then what was found, then what so many documents show."""
    yield f"{one_line(found.name, 80)}: {found.documents:,} documents, {'sound' if found.sound else 'NOT sound'}."
    yield from (f"  {line}" for line in (*_judged(found), *_same(found), *_shown(found, seen)))


def _judged(found: DataCheck) -> Iterator[str]:
    right = [each for each in found.misjudged if each.right]
    wrong = [each for each in found.misjudged if not each.right]
    if found.metrics:
        names = ", ".join(one_line(name, 60) for name in found.metrics)
        failed = len({(each.place, each.text) for each in right})
        yield f"References: {found.references - failed:,} of {found.references:,} get full marks by {names}."
        yield from _each(right)
    if found.wrong:
        passed = len({(each.place, each.text) for each in wrong})
        yield f"Known wrong answers: {found.wrong - passed:,} of {found.wrong:,} are told from right ones."
        yield from _each(wrong)
    elif found.kind == "generate":
        yield "Known wrong answers: none given. A column called wrong, or --wrong COLUMN, has some for each row."
    if found.untried:
        names = ", ".join(one_line(name, 60) for name in found.untried)
        has = "has" if len(found.untried) == 1 else "have"
        yield f"Not tried: {names}, which {has} no full marks for one answer."


def _each(misjudged: Sequence[Misjudged]) -> Iterator[str]:
    for each in misjudged[:_NAMED]:
        what = "the reference" if each.right else "the wrong answer"
        yield f"  {each.place}: {what} {one_line(each.text, 60)!r} gets {each.value:g} by {one_line(each.metric, 60)}."
    if len(misjudged) > _NAMED:
        yield f"  and {len(misjudged) - _NAMED:,} more: --json lists all."


def _same(found: DataCheck) -> Iterator[str]:
    contradicting = [same for same in found.same if same.contradict]
    if found.same:
        again = sum(len(same.places) - 1 for same in found.same)
        yield f"Asked again: {again:,}, such as {_places(found.same[0].places)}."
    for same in contradicting[:_NAMED]:
        yield f"  The same question with other right answers: {_places(same.places)}."
    if found.given_away:
        yield (
            f"The reference stands in the prompt of {len(found.given_away):,}: {_places(found.given_away)}. That is "
            "meant where one of several is to be named; elsewhere it gives the answer away."
        )


def _shown(found: DataCheck, seen: Outcomes | None) -> Iterator[str]:
    if seen is not None:
        names = dict(found.ids)
        for what, ids in (("Right in every run", seen.everybody), ("Right in no run", seen.nobody)):
            places = [names.get(each, each) for each in ids]
            where = f": {_places(places)}" if ids else ""
            yield f"{what}: {len(ids):,} of {seen.rows:,}{where}. They tell these models in no way apart."
        if seen.left_out:
            rows = "1 row of the runs is" if seen.left_out == 1 else f"{seen.left_out:,} rows of the runs are"
            hint = "" if seen.rows else " Give --metric and the names of columns as for the runs."
            yield f"Left out: {rows} not in the data as they are read now.{hint}"
    least, needed = detectable_share(found.documents, ASSUMED_CHANGE), samples_needed(GAIN, ASSUMED_CHANGE)
    shown = "no change at all" if least is None else f"a change of {point_words(round(100 * least, 1))} or more"
    yield (
        f"If {100 * ASSUMED_CHANGE:.0f} % of the answers change side, {found.documents:,} documents show {shown}, four "
        f"times in five. A change of {point_words(100 * GAIN)} needs {needed:,}."
    )


def _places(places: Sequence[str]) -> str:
    named = ", ".join(one_line(place, 40) for place in places[:_NAMED])
    return f"{named}{', …' if len(places) > _NAMED else ''}"


def check_json(found: Sequence[DataCheck], seen: Mapping[str, Outcomes]) -> str:
    """Return everything as a JSON list, one object for each data set; ends in a newline."""
    return json_text([_record(each, seen.get(each.name)) for each in found])


def _record(found: DataCheck, seen: Outcomes | None) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "documents": found.documents,
        "sound": found.sound,
        "metrics": list(found.metrics),
        "untried": list(found.untried),
        "references": found.references,
        "wrong_answers": found.wrong,
        "misjudged": [
            {"id": each.document, "place": each.place, "metric": each.metric, "text": each.text, "value": each.value,
             "should_be": "right" if each.right else "wrong"}
            for each in found.misjudged
        ],
        "same": [{"places": list(same.places), "contradict": same.contradict} for same in found.same],
        "reference_in_prompt": list(found.given_away),
        "right_in_every_run": None if seen is None else list(seen.everybody),
        "right_in_no_run": None if seen is None else list(seen.nobody),
        "left_out": None if seen is None else seen.left_out,
        "detectable": detectable_share(found.documents, ASSUMED_CHANGE),
        "documents_for_5_points": samples_needed(GAIN, ASSUMED_CHANGE),
    }  # fmt: skip
