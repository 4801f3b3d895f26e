"""Makes a comparison of two runs: every task they share is paired, tested and judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from benchtui.compare.differences.difference import difference, with_missing
from benchtui.compare.differences.group_scores import group_sides
from benchtui.compare.differences.groups import GroupTerms, group_terms
from benchtui.compare.differences.leaves import SampleSource, read_leaf
from benchtui.compare.differences.new_tasks import judge_new_tasks, new_tasks, shrunk_tasks
from benchtui.compare.differences.populations import population
from benchtui.compare.differences.terms import Leaves, terms_of
from benchtui.compare.health import same_answers, same_figures
from benchtui.compare.names import Names, side_names
from benchtui.compare.records import Comparison, Difference, Level, Row, Side
from benchtui.compare.refusals import refusal_notes
from benchtui.compare.settings import differing_facts, differing_settings, why_not_comparable
from benchtui.compare.titles import title_of
from benchtui.compare.verdicts.claims import with_claims
from benchtui.compare.verdicts.family import family, judged
from benchtui.compare.verdicts.looks import looked_at_before, why_watched
from benchtui.compare.verdicts.margins import Margins, asked_margins
from benchtui.compare.verdicts.overall import overall
from benchtui.compare.verdicts.verdicts import not_comparable
from benchtui.evidence.records import ALPHA, FINAL_ALPHA
from benchtui.results.records import EarlyStop, Group, RunResults, Score, is_share
from benchtui.tasks.primary_metric import ordered


class Pair(msgspec.Struct, frozen=True):
    """What every row is made from; `alpha` is the level of everything but the headlines."""

    first: RunResults
    second: RunResults
    names: Names
    leaves: Leaves
    alpha: float = ALPHA


def compare_runs(
    first: RunResults,
    second: RunResults,
    *,
    names: Names | None = None,
    margins: Margins | None = None,
    leaves: Leaves | None = None,
) -> Comparison:
    """Compare `second` with `first` on every task that both have. They are named as `side_names` says. `margins` are
    the differences too small to matter; by default those that the runs were made to decide about. `leaves` are what
    `read_leaves` made of these two, where that was read already.

    Reads the samples of both. Raises BenchtuiError naming a damaged sample file.
    """
    names = names or side_names(first, second)
    looks = why_watched(first, second)
    leaves = read_leaves(SampleSource(first), SampleSource(second)) if leaves is None else leaves
    runs = Pair(first, second, names, leaves, FINAL_ALPHA if looks else ALPHA)
    made = tuple(rows_of(runs))
    tests = family(first, second, made)
    margins = margins or asked_margins(first, second)
    rows = with_claims(judged(made, tests, looks=looks), tests, margins, watched=bool(looks))
    rows = judge_new_tasks(rows, tests, watched=bool(looks))
    return Comparison(
        first=first,
        second=second,
        first_name=names[0],
        second_name=names[1],
        rows=rows,
        settings=differing_settings(first, second, names),
        missing=tuple(_missing(first, second, names)),
        warnings=(
            *_warnings(first, second, names),
            *looked_at_before(first, second, names),
            *(same_answers(first, second, names) or same_figures(rows, first, second)),
            *_on_pairs(rows, first, second, names),
            *_by_number(rows),
            *refusal_notes(rows, first, second, names),
        ),
        tests=tests,
        sentence=overall(rows, names, tests),
        watched=bool(looks),
        margins=margins,
    )


def read_leaves(first: SampleSource, second: SampleSource) -> Leaves:
    """Read every metric of every leaf task that both runs have. Raises BenchtuiError naming a damaged sample file."""
    shared = {task.name for task in first.results.tasks}
    found = [
        leaf for task in second.results.tasks if task.name in shared for leaf in read_leaf(task.name, first, second)
    ]
    return {(leaf.second_score.task, leaf.second_score.metric, leaf.second_score.filter): leaf for leaf in found}


def _missing(first: RunResults, second: RunResults, names: Names) -> Iterator[str]:
    for one, other, name in ((first, second, names[0]), (second, first, names[1])):
        known = {score.task for score in other.scores}
        for task in one.top_level:
            if task not in known:
                yield f"{title_of(task, one)} is only in the {name} run"


def _warnings(first: RunResults, second: RunResults, names: Names) -> Iterator[str]:
    for results, name in zip((first, second), names, strict=True):
        if results.state not in ("finished", "partial"):
            yield f"The {name} run did not finish ({results.state}): {results.run}"
        for partial in results.partial:
            if results is first and second.early_of_any(partial.task):
                continue  # the decision was made with the documents that there are
            yield f"The {name} run of {title_of(partial.task, results)} is partial: {partial} samples"


def _on_pairs(rows: Sequence[Row], first: RunResults, second: RunResults, names: Names) -> Iterator[str]:
    """Yield a note where only part of the documents is compared, so that the change is not the difference of the two
    scores."""
    for row in rows:
        if row.level != "headline" or row.paired_on is None:
            continue
        stopped = [name for run, name in zip((first, second), names, strict=True) if run.early_of(row.task)]
        why = {
            0: "",
            1: f": the {''.join(stopped)} run, which asks in random order, stopped early",
            2: ": both, which ask in random order, stopped early",
        }[len(stopped)]
        yield f"{row.title}: the change is over the {row.paired_on} samples in both runs{why}"
        if asked := row.pairing.differing_prompts:
            among, verb = row.pairing.matched + asked, "was" if asked == 1 else "were"
            left_out = f"{asked} of {among} samples {verb} asked with another prompt in the {names[1]} run"
            yield f"{row.title}: {left_out} and {verb} left out"


def _by_number(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if row.level == "headline" and row.pairing.by_number:
            yield (
                f"{row.title}: {row.pairing.by_number} samples are paired by their number alone, since they "
                "have no hashes; whether they and their prompts are the same is not known"
            )


def rows_of(runs: Pair) -> Iterator[Row]:
    """Yield all rows, each with its difference; verdicts on the headlines come later, as they depend on each other."""
    for task in _tops(runs.first, runs.second):
        scores = [s for s in ordered(runs.second.scores_of(task)) if _in_first(runs, s)]
        for number, score in enumerate(scores):
            yield _row(runs, score, "headline" if number == 0 else "detail", 0)
        group = runs.second.group(task)
        if group is not None and scores:
            together = shrunk_tasks(group_terms(group, scores[0], (runs.first, runs.second), runs.leaves), runs.alpha)
            for row in _parts(runs, group, scores[0], 1, frozenset({task})):
                told = row.tested is not None and row.key == f"{scores[0].metric},{scores[0].filter}"
                yield msgspec.structs.replace(row, shrunk=together.get(row.task) if told else None)


def _in_first(runs: Pair, score: Score) -> bool:
    return runs.first.score(score.task, score.metric, score.filter) is not None


def _tops(first: RunResults, second: RunResults) -> list[str]:
    """Return the tasks and groups at the top of either run that have scores in both, without those below another one;
    the second run's come first."""
    shared = {score.task for score in first.scores} & {score.task for score in second.scores}
    tops = [task for task in dict.fromkeys((*second.top_level, *first.top_level)) if task in shared]
    groups = [group for run in (first, second) for top in tops if (group := run.group(top))]
    inside = {name for group in groups for name in (*group.children, *group.leaves)}
    return [task for task in tops if task not in inside]


def _parts(runs: Pair, group: Group, headline: Score, depth: int, above: frozenset[str]) -> Iterator[Row]:
    """Yield the rows of a group's parts, by the group's own metric where a part has it."""
    for child in group.children:
        if child in above:
            continue
        same = runs.second.score(child, headline.metric, headline.filter)
        for score in [same] if same else ordered(runs.second.scores_of(child))[:1]:
            if _in_first(runs, score):
                yield _row(runs, score, "part", depth)
        below = runs.second.group(child)
        if below is not None:
            yield from _parts(runs, below, headline, depth + 1, above | {child})


def _row(runs: Pair, score: Score, level: Level, depth: int) -> Row:
    first, second = runs.first, runs.second
    group = second.group(score.task)
    terms = terms_of(score, first, second, runs.leaves)
    if group is not None:
        sides = group_sides(group, score, (first, second), runs.leaves)
        no_number = _group_no_number(group, first, score), _group_no_number(group, second, score)
    else:
        leaf = runs.leaves[(score.task, score.metric, score.filter)]
        sides, no_number = (leaf.first, leaf.second), leaf.no_number
    found = _difference(terms)
    tasks = 0 if group is None else len(terms.names) or len(group.leaves)
    unpaired = why_not_comparable(score.task, terms.pairing, first, second, runs.names)
    early = _decision(first, second, score) if level == "headline" and not unpaired else None
    row = Row(
        task=score.task,
        title=title_of(score.task, second),
        metric=score.metric,
        filter=score.filter,
        level=level,
        depth=depth,
        higher_is_better=score.higher_is_better,
        is_share=_is_share(score.metric, sides),
        first=sides[0],
        second=sides[1],
        pairing=terms.pairing,
        difference=found,
        verdict=None,
        early=early,
        stopped=early is None and any(run.early_of_any(score.task) for run in (first, second)),
        notes=differing_facts(score.task, first, second, runs.names),
        population=population(tasks, early),
        tasks=tasks,
    )
    without_ends = "" if row.early or row.stopped else _without_ends(terms)
    why = _no_number(no_number, runs.names) or terms.why or unpaired or without_ends
    if row.stopped and level == "headline" and not why:
        verdict = not_comparable(_stopped_elsewhere(runs, score.task), None, is_share=row.is_share)
        return msgspec.structs.replace(row, verdict=verdict)
    if why and not row.early:
        return msgspec.structs.replace(row, verdict=not_comparable(why, row.tested, is_share=row.is_share))
    return row if row.tested is None else msgspec.structs.replace(row, new_tasks=new_tasks(terms, runs.alpha))


def _difference(terms: GroupTerms) -> Difference | None:
    if terms.terms is None:
        return None
    found, ends = difference(terms.terms), [difference(each) for each in terms.completed]
    return with_missing(found, ends, terms.pairing.missing) if ends else found


def _without_ends(terms: GroupTerms) -> str:
    """Return why a score without a best and a worst value cannot be compared when samples are missing."""
    missing = terms.pairing.missing
    if not missing or terms.completed:
        return ""
    are = "sample is" if missing == 1 else "samples are"
    return f"{missing} {are} missing, and what they would have made of a score without ends is not known"


def _is_share(metric: str, sides: tuple[Side, Side]) -> bool:
    """Return whether both scores are shares, as far as they are numbers."""
    values = [side.value for side in sides if math.isfinite(side.value)]
    return bool(values) and all(is_share(metric, value) for value in values)


def _no_number(reasons: tuple[str, str], names: tuple[str, str]) -> str:
    found = [f"the {name} score is {reason}" for name, reason in zip(names, reasons, strict=True) if reason]
    return " and ".join(found)


def _group_no_number(group: Group, results: RunResults, score: Score) -> str:
    """Return why a group's score is not a number: one of its tasks has none."""
    mine = results.score(score.task, score.metric, score.filter)
    if mine is None or mine.finite:
        return ""
    parts = [results.score(leaf, score.metric, score.filter) for leaf in group.leaves]
    without = [part.task for part in parts if part is not None and not part.finite]
    named = f"{', '.join(without[:3])}{', …' if len(without) > 3 else ''}"
    return f"not a number{f' (as that of {named})' if without else ''}"


def _decision(first: RunResults, second: RunResults, score: Score) -> EarlyStop | None:
    """Return the decision that stopped the task, if it was about this metric and made between these very two runs."""
    if stop := second.decision(score, first):
        return stop
    other_way_round = first.decision(score, second)
    return other_way_round.mirrored() if other_way_round is not None else None


def _stopped_elsewhere(runs: Pair, task: str) -> str:
    """Return why documents show nothing here when their number was decided by looking at another comparison."""
    both = zip((runs.first, runs.second), runs.names, strict=True)
    stopped = [name for run, name in both if run.early_of_any(task)]
    moment = (
        "both runs stopped early, at moments chosen by their scores against other runs"
        if len(stopped) > 1
        else f"the {stopped[0]} run stopped early, at a moment chosen by its scores against another run"
    )
    return f"{moment}, which makes chance look like a difference; runs of all samples can be compared"
