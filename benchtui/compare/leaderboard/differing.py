"""Says in a few words why a cell cannot be compared with its reference: "5 shots, not 0". The sentence with all of it
is the verdict's of the same row."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.records import Row
from benchtui.compare.settings import differing_data
from benchtui.results.records import RunResults, TaskFacts
from benchtui.text import one_line

_PROMPT_SETTINGS = ("chat template", "system instruction", "multi-turn shots", "enable thinking", "max length")


def short_reason(row: Row, first: RunResults, second: RunResults) -> str:
    """Return what keeps a row that is not comparable from being compared: the `second` run is the candidate's, `first`
    that of its reference."""
    found = list(dict.fromkeys(_reasons(row, first, second)))
    if found:
        return "; ".join(found[:2])
    return row.verdict.sentence.removeprefix("Not comparable: ") if row.verdict is not None else ""


def _reasons(row: Row, first: RunResults, second: RunResults) -> Iterator[str]:
    for run, who in ((second, ""), (first, "reference: ")):
        score = run.score(row.task, row.metric, row.filter)
        if score is not None and not score.finite:
            yield f"{who}no number"
        if run.early_of_any(row.task):
            yield f"{who}stopped early"
        if (partial := run.partial_of(row.task)) is not None:
            yield f"{who}partial, {partial.done:,} of {partial.total:,}"
    if differing_data(row.task, first, second, ("first", "second")):
        yield "other data"
    group = second.group(row.task) or first.group(row.task)
    for name in group.leaves if group else (row.task,):
        a, b = first.task(name), second.task(name)
        if a is not None and b is not None:
            yield from _facts(a, b)
    if row.pairing.differing_prompts:
        named = [name for name in _PROMPT_SETTINGS if first.setting(name) != second.setting(name)]
        yield f"other {named[0]}" if named else "other prompts"
    elif row.pairing.only_first or row.pairing.only_second:
        yield "other samples"


def _facts(reference: TaskFacts, own: TaskFacts) -> Iterator[str]:
    if own.version != reference.version:
        yield f"version {one_line(own.version, 12) or '–'}, not {one_line(reference.version, 12) or '–'}"
    if own.shots != reference.shots:
        yield f"{_count(own.shots)} shots, not {_count(reference.shots)}"
    if own.n != reference.n:
        limited = own if own.n < reference.n else reference
        yield f"{'' if limited is own else 'reference: '}n = {limited.n:,} of {limited.total:,}"


def _count(number: int | None) -> str:
    return "–" if number is None else str(number)
