"""Words for scores of several answers to each sample."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.records import Comparison, Row, Side
from benchtui.compare.titles import title_of
from benchtui.results import repeats
from benchtui.results.records import RunResults
from benchtui.results.repeats import Spread, parted
from benchtui.tasks.primary_metric import primary


def of_answers(metric: str, *answers: int) -> str:
    """Return what a score of several answers is called after the metric's name: ", mean@8", ", pass@8", ", maj@8"; both
    numbers where two runs differ; "" for one answer to each sample."""
    _, name = parted(metric)
    if name:
        return f", {name}"
    told = list(dict.fromkeys(answers))
    return f", {' | '.join(f'mean@{k}' for k in told)}" if max(told) > 1 else ""


def is_step(row: Row) -> bool:
    """Return whether a row is pass@k for fewer answers than were drawn: one of a series, which only files list."""
    return repeats.is_step(row.metric, max(row.first.answers, row.second.answers))


def repeat_lines(comparison: Comparison) -> Iterator[str]:
    """Return a line for each task and side whose samples were answered several times."""
    for row in comparison.headlines:
        for name, side in ((comparison.first_name, row.first), (comparison.second_name, row.second)):
            if words := side_words(side):
                yield f"{row.title}, {name}: {words}"


def repeats_of(results: RunResults) -> Iterator[str]:
    """Return the same for the tasks of a single run."""
    for task in results.top_level:
        scores = results.scores_of(task)
        if not scores or (answers := results.answers_to_each(task)) == 1:
            continue
        spread = results.spread(primary(scores))
        yield f"{title_of(task, results)}: {_words(answers, spread)}"


def side_words(side: Side) -> str:
    """Return how often each sample was answered and how the score varies; "" for once."""
    return _words(side.answers, side.spread) if side.answers > 1 else ""


def _words(answers: int, spread: Spread | None) -> str:
    asked = f"mean@{answers}, the mean of {answers} answers to each sample"
    if spread is None:
        return f"{asked}; standard errors count samples, not answers"
    return (
        f"{asked}; variance between samples {spread.between:.3g}, within a sample {spread.within:.3g}: "
        f"{_advice(spread)}"
    )


def _advice(spread: Spread) -> str:
    """Return what would make the score more certain."""
    if spread.within == 0:
        return "its answers never differ in score, so only more samples would help"
    enough = spread.worth_asking
    if enough is None:
        return "more answers would help as much as more samples"
    if spread.answers < enough:
        return f"more answers would help, up to about {enough}; and so would more samples"
    return "more samples would help, more answers hardly"
