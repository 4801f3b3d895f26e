"""Writes one run's scores alone, for a model that was benchmarked without its base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.compare.differences.group_scores import group_side
from benchtui.compare.differences.groups import weighted_by_size
from benchtui.compare.differences.leaves import SampleSource, scored_terms, side, why_no_number
from benchtui.compare.differences.populations import about, population
from benchtui.compare.health import run_health
from benchtui.compare.records import Side
from benchtui.compare.titles import title_of
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.scores import interval_words, metric_name, n_words
from benchtui.results.records import RunResults, Score
from benchtui.results.repeats import is_step
from benchtui.tasks.primary_metric import ordered
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.table import Table


def score_sides(results: RunResults) -> list[tuple[Score, Side]]:
    """Return the scores of a run's tasks and groups, primary metric first, each with its interval."""
    source = SampleSource(results)
    found = []
    for task in results.top_level:
        group = results.group(task)
        samples = {name: source.read(name) for name in (group.leaves if group is not None else (task,))}
        answers = results.answers_to_each(task)
        for score in ordered([one for one in results.scores_of(task) if not is_step(one.metric, answers)]):
            parts = [results.score(name, score.metric, score.filter) for name in samples]
            scored = [scored_terms(results, part, samples[part.task]) for part in parts if part is not None]
            if group is None:
                found.append((score, side(results, score, scored[0])))
            else:
                by_size = weighted_by_size(group, score, (results,))
                found.append((score, group_side(results, score, scored, by_size=by_size)))
    return found


def score_populations(results: RunResults) -> str:
    """Return what the intervals of a run's own scores are about, in one sentence."""
    groups = {task: results.group(task) for task in results.top_level}
    sizes = {task: len(group.leaves) if group is not None else 0 for task, group in groups.items()}
    return about("Intervals", ((population(tasks, None), title_of(task, results)) for task, tasks in sizes.items()))


def scores_table(results: RunResults, glyphs: Glyphs = UNICODE) -> Table:
    """Return a table of task, metric, score, 95 % CI and n; fits eighty columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    rows = _rows(results, glyphs)
    table.add_column("Benchmark", overflow="fold")
    table.add_column("Metric", overflow="fold")
    for header in ("Score", "95 % CI", "n"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def score_notes(results: RunResults) -> list[str]:
    """Return what a reader must know beside one run's scores, each a sentence without a full stop."""
    source = SampleSource(results)
    found = list(run_health(results))
    for task in results.top_level:
        for score in results.scores_of(task):
            if not score.finite:
                samples = source.read(task) if results.group(task) is None else []
                found.append(f"{title_of(task, results)}: {score_metric(score)} is {why_no_number(score, samples)}")
    return found


def _rows(results: RunResults, glyphs: Glyphs) -> list[tuple[str, str, str, str, str]]:
    rows, last = [], ""
    for score, shown in score_sides(results):
        title = "" if score.task == last else one_line(title_of(score.task, results), 40)
        last = score.task
        mark = f"{glyphs.partial} " if shown.partial else ""
        rows.append(
            (
                title,
                one_line(score_metric(score, shown.answers), 34),
                score_words(score.value, is_share=score.is_share),
                interval_words(shown, is_share=score.is_share),
                mark + n_words(shown),
            )
        )
    return rows


def score_metric(score: Score, answers: int = 1) -> str:
    """Return what a score measures: "Strict Prompt", "exact_match, strict-match"; of several `answers` to each sample
    "exact_match, mean@8"."""
    return metric_name(score.metric, score.filter, answers)
