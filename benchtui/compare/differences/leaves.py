"""Reads one leaf task in two runs: its samples, paired, and turned into the summands of each metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchtui.compare.differences.metrics import Aggregation, find_aggregation, terms_of
from benchtui.compare.differences.pairing import PairedSamples, pair
from benchtui.compare.differences.questions import with_same
from benchtui.compare.records import Pairing, Side
from benchtui.evidence.bootstrap import bootstrap, bootstrap_interval
from benchtui.evidence.means import (
    mean_interval,
    pseudo_values,
    scale_of,
    units_of,
)
from benchtui.evidence.missing import Terms, completions
from benchtui.evidence.records import Floats, Integers, Interval
from benchtui.evidence.shares import repeated_share, wilson
from benchtui.evidence.student import t_interval, weighted_stderr
from benchtui.results.records import RunResults, Score, is_bounded, is_share
from benchtui.results.samples import Sample, Value, read_samples
from benchtui.runs.result_files import file_part, sample_files


class ScoredTerms(msgspec.Struct, frozen=True):
    """All documents of one metric in one run: how they make its score, and the summands of each."""

    aggregation: Aggregation
    terms: Floats


class Leaf(msgspec.Struct, frozen=True):
    """One metric of one leaf task in both runs.

    `paired` holds the summands of the paired documents, None where samples are missing or do not reproduce the score;
    `why` then says so in words. `no_number` says for each run why its score is not a number, "" where it is one.
    `completed` is `paired` with the missing documents filled in at their worst and at their best for the second run,
    None where none is missing, or where a score has no ends to fill in. `scored` holds for each run the summands of all
    its documents, where they reproduce its score. For the documents of `paired`, `same` says which ask the same (None:
    all differ) and `targets` gives their reference answers (hashes).
    """

    second_score: Score
    first: Side
    second: Side
    pairing: Pairing
    aggregation: Aggregation | None = None
    paired: tuple[Floats, Floats] | None = None
    why: str = ""
    no_number: tuple[str, str] = ("", "")
    completed: tuple[Terms, Terms] | None = None
    scored: tuple[ScoredTerms | None, ScoredTerms | None] = (None, None)
    same: Integers | None = None
    targets: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Return whether scores between 0 and 1 have these as the ends of their scale."""
        return is_bounded(self.second_score.metric, higher_is_better=self.second_score.higher_is_better)


class SampleSource:
    """The sample files of one run, read one task at a time."""

    def __init__(self, results: RunResults) -> None:
        self.results = results
        self._files = sample_files(results.folder, results.stamp)

    def file(self, task: str) -> Path | None:
        return self._files.get(file_part(task))

    def read(self, task: str) -> list[Sample]:
        """Return all samples of a task that count, none where lm-eval did not log them."""
        file = self.file(task)
        if file is None:
            return []
        left_out = self.results.left_out.get(task, frozenset())
        return [sample for sample in read_samples(file, task) if sample.doc_hash not in left_out]


def values_of(samples: Sequence[Sample], metric: str) -> list[Value] | None:
    """Return a metric's value in each sample; None when one of them lacks it."""
    found = [next((v for name, v in sample.values if name == metric), None) for sample in samples]
    return None if any(v is None for v in found) else [v for v in found if v is not None]


def why_no_number(score: Score, samples: Sequence[Sample]) -> str:
    """Return why a score is not a number, as far as its documents show it; "" where it is one."""
    if score.finite:
        return ""
    what = "not a number" if math.isnan(score.value) else "infinite"
    values = [dict(sample.values).get(score.metric) for sample in samples if sample.filter == score.filter]
    if not values:
        return what
    without = sum(not _all_finite(value) for value in values)
    why = f"{without} of {len(values)} samples have no number" if without else f"these {len(values)} samples give none"
    return f"{what} ({why})"


def _all_finite(value: Value | None) -> bool:
    if value is None:
        return False
    return all(math.isfinite(number) for number in value) if isinstance(value, list) else math.isfinite(value)


def scored_terms(results: RunResults, score: Score, samples: Sequence[Sample]) -> ScoredTerms | None:
    """Return the summands of a score over all its documents; None when the samples do not reproduce it, or it is no
    number."""
    if not score.finite:
        return None
    values = values_of([s for s in samples if s.filter == score.filter], score.metric)
    if not values:
        return None
    facts = results.task(score.task)
    declared = dict(facts.aggregations).get(score.metric, "") if facts else ""
    aggregation = find_aggregation(declared, values, score.value)
    terms = terms_of(aggregation, values) if aggregation is not None else None
    return ScoredTerms(aggregation, terms) if aggregation is not None and terms is not None else None


def side(results: RunResults, score: Score, scored: ScoredTerms | None) -> Side:
    """Return a run's own score with the interval that fits it: Wilson's for 0/1 scores, for shares of several answers,
    and wherever all documents are right or all are wrong; for other scores that of their documents, none where these
    are too few; without samples Student's.

    Where lm-eval gives no standard error (IFEval's instructions), that of the documents' weighted mean is used.
    """
    partial, health = results.partial_of(score.task), results.health_of(score.task)
    answers, spread = results.answers_to_each(score.task), results.spread(score)
    if not score.finite:
        return Side(score.value, None, None, score.n, score.total, partial, health, answers)
    stderr, interval = score.stderr, None
    if scored is not None and scored.aggregation.mean and stderr is None and len(scored.terms) > 1:
        terms = scored.terms
        stderr = weighted_stderr(terms[:, 0] / terms[:, 1], terms[:, 1])
    if scored is not None:
        bounded = is_bounded(score.metric, higher_is_better=score.higher_is_better)
        interval = own_interval(scored, bounded=bounded, answers=answers)
    elif stderr == 0 and score.is_share and score.value in (0.0, 1.0):
        interval = wilson(round(score.value * score.n), score.n)
    elif stderr is not None and score.n > 1:
        interval = t_interval(score.value, stderr, score.n)
        if score.is_share:
            interval = Interval(max(interval.low, 0.0), min(interval.high, 1.0))
    return Side(score.value, stderr, interval, score.n, score.total, partial, health, answers, spread)


def own_interval(scored: ScoredTerms, *, bounded: bool, answers: int = 1) -> Interval | None:
    """Return the 95 % interval of a score from its documents alone; `bounded` scores lie between 0 and 1 or -1 and 1.
    Each document's score may be the mean of several `answers`.

    None where they are too few, or all alike, to bound what others would add.
    """
    terms, n = scored.terms, len(scored.terms)
    if scored.aggregation.resampled:
        draws = bootstrap(terms, scored.aggregation.combine)
        return bootstrap_interval(draws) if draws is not None else None
    if not scored.aggregation.mean:
        each, share, scale = pseudo_values(terms, scored.aggregation.combine), np.full(n, 1 / n), None
        if not np.isfinite(each).all():
            return None
    else:
        each, share = terms[:, 0] / terms[:, 1], terms[:, 1] / terms[:, 1].sum()
        if np.all(terms[:, 1] == 1) and np.all((each == 0) | (each == 1)):
            return wilson(int(each.sum()), n)
        if answers > 1 and np.all(terms[:, 1] == 1) and _is_share_of(each, answers):
            of_answers = repeated_share(each, answers)
            if of_answers is not None:
                return of_answers
        scale = scale_of(each) if bounded else None
    units = units_of(each * share, share, scale)
    return mean_interval(units) if units is not None else None


def _is_share_of(each: Floats, answers: int) -> bool:
    """Return whether scores are shares of so many answers that are right or wrong."""
    right = each * answers
    return bool(np.all((each >= 0) & (each <= 1)) and np.allclose(right, np.round(right), atol=1e-6))


def read_leaf(task: str, first: SampleSource, second: SampleSource) -> list[Leaf]:
    """Yield every metric that both runs report for a leaf task, in the second run's order."""
    samples_first, samples_second = first.read(task), second.read(task)
    joined: dict[str, PairedSamples] = {}
    found = []
    for theirs in second.results.scores_of(task):
        mine = first.results.score(task, theirs.metric, theirs.filter)
        if mine is None:
            continue
        if theirs.filter not in joined:
            pairs = pair(task, theirs.filter, samples_first, samples_second)
            asked = _with_asked(pairs, first.results, second.results)
            joined[theirs.filter] = with_same(asked, first.results, first.file(task))
        scored = (
            scored_terms(first.results, mine, samples_first),
            scored_terms(second.results, theirs, samples_second),
        )
        missing = _missing(first, second, task)
        leaf = _leaf(mine, theirs, (first, second), scored, joined[theirs.filter], missing)
        no_number = why_no_number(mine, samples_first), why_no_number(theirs, samples_second)
        found.append(msgspec.structs.replace(leaf, no_number=no_number, scored=scored))
    return found


def _missing(first: SampleSource, second: SampleSource, task: str) -> str:
    lacking = [source for source in (first, second) if source.file(task) is None]
    if not lacking:
        return ""
    where = " and ".join(str(source.results.folder) for source in lacking)
    return f"there is no samples file of {task} in {where} (run lm_eval with --log_samples)"


def _leaf(
    mine: Score,
    theirs: Score,
    sources: tuple[SampleSource, SampleSource],
    scored: tuple[ScoredTerms | None, ScoredTerms | None],
    joined: PairedSamples,
    missing: str,
) -> Leaf:
    sides = (
        side(sources[0].results, mine, scored[0]),
        side(sources[1].results, theirs, scored[1]),
    )
    bare = Leaf(theirs, *sides, pairing=joined.counts, why=missing)
    if missing:
        return bare
    if scored[0] is None or scored[1] is None or scored[0].aggregation.name != scored[1].aggregation.name:
        return msgspec.structs.replace(bare, why=f"the samples' {theirs.metric} does not add up to lm-eval's score")
    aggregation = scored[1].aggregation
    paired = tuple(
        terms_of(aggregation, values_of([pair[i] for pair in joined.pairs], theirs.metric) or []) for i in (0, 1)
    )
    if paired[0] is None or paired[1] is None:
        return msgspec.structs.replace(bare, aggregation=aggregation)
    pairs = paired[0], paired[1]
    stopped = any(source.results.early_of_any(theirs.task) for source in sources)  # the decision says what it is about
    ends = _completed(pairs, theirs.metric, scored, joined) if joined.counts.missing and not stopped else None
    return msgspec.structs.replace(
        bare,
        aggregation=aggregation,
        paired=pairs,
        completed=ends,
        same=joined.same,
        targets=tuple(a.target_hash for a, _ in joined.pairs),
    )


def _with_asked(joined: PairedSamples, first: RunResults, second: RunResults) -> PairedSamples:
    """Count the documents that were asked and that neither run has an answer to: not those that an early stop left out,
    which its decision is about."""
    task, counts = joined.task, joined.counts
    if first.early_of_any(task) or second.early_of_any(task):
        return joined
    asked = max(results.asked_of(task) for results in (first, second))
    return msgspec.structs.replace(joined, counts=msgspec.structs.replace(counts, neither=max(asked - counts.asked, 0)))


def _completed(
    pairs: Terms, metric: str, scored: tuple[ScoredTerms | None, ScoredTerms | None], joined: PairedSamples
) -> tuple[Terms, Terms] | None:
    """Fill in the missing pairs at both ends of the scale, which only means of scores between 0 and 1 have."""
    known = [side for side in scored if side is not None]
    several = any(np.any(side.terms[:, 1] != 1) for side in known)
    neither = joined.counts.differing_prompts + joined.counts.neither
    if not all(_has_ends(metric, side) for side in known) or (neither and several):  # how many scores is not known
        return None
    alone = [terms_of(known[0].aggregation, values_of(side, metric) or []) for side in joined.alone]
    first, second = (terms if terms is not None else np.empty((0, 2)) for terms in alone)
    if (len(first), len(second)) != tuple(map(len, joined.alone)):
        return None
    return completions(pairs, (first, second), neither)


def _has_ends(metric: str, side: ScoredTerms) -> bool:
    """Return whether a score is a mean of numbers that are 0 or 1, or shares by their name."""
    if not side.aggregation.mean:
        return False
    each = side.terms[:, 0] / side.terms[:, 1]
    return bool(np.all((each == 0) | (each == 1))) or (
        is_share(metric, 0.5) and bool(np.all((each >= 0) & (each <= 1)))
    )
