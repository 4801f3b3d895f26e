"""Several quantisations of one model against their parent: which is the smallest that is not shown to be worse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.difference import at_level
from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.differing_answers import DifferingAnswers, differing_answers
from benchtui.compare.records import Comparison, Row
from benchtui.compare.speed import smaller_but_slower
from benchtui.evidence.corrections import holm
from benchtui.evidence.means import chance_of_no_more, mean_interval, units_of
from benchtui.evidence.pairing import pair_documents
from benchtui.evidence.records import ALPHA, Floats, Interval
from benchtui.evidence.student import t_interval, t_test, weighted_stderr
from benchtui.results.records import RunResults
from benchtui.results.samples import Sample, Value
from benchtui.tokens.summary import PairStatistics

PERPLEXITIES = ("word_perplexity", "byte_perplexity", "perplexity")
"""Metrics that are exp of a mean of log-likelihoods; of the last one each document weighs the same."""


FEWEST_FOR_STUDENT = 20
"""Documents from which Student's interval is used for a ratio of perplexities, where there are too few for the one that
assumes nothing (200): what a document adds is a mean over its words, which is nearly normal."""


class PerplexityRatio(msgspec.Struct, frozen=True):
    """How many times as large the second model's perplexity is, over `n` documents that both were asked; `interval` (95
    %) and the two-sided `p` of no change are None where too few documents bound it."""

    value: float
    interval: Interval | None
    p: float | None
    n: int


class TaskChange(msgspec.Struct, frozen=True):
    """What a quantisation changes in one task, by its main metric: `p` is two-sided and corrected by Holm over every
    task of every quantisation, None where nothing could be tested. `worse` and `better` say what is shown at the 5 %
    level. `excluded` is the smallest loss that is excluded (0 to 1, at the 5 % level for all of them together), None
    where none is, or where the score is no share. `perplexity` is the ratio to the parent's."""

    row: Row
    p: float | None
    worse: bool
    better: bool
    excluded: float | None
    perplexity: PerplexityRatio | None


class Weights(msgspec.Struct, frozen=True):
    """One GGUF model: its size on disk in bytes, and the bits that its tensors have for each weight."""

    label: str
    file: str
    bytes: int
    bits: float | None


class FileTokens(msgspec.Struct, frozen=True):
    """A quantisation against the parent at every token of the same `documents` texts, as the run of that name found
    them; `texts` says what they are. KL is KL(parent‖file)."""

    run: str
    texts: str
    documents: int
    pair: PairStatistics
    notes: tuple[str, ...] = ()


class Quantization(msgspec.Struct, frozen=True):
    """One quantisation against the parent. `answers` says how many answers are others than the parent's; `slower` is a
    sentence where it is smaller but slower here, beyond the spread of both; `tokens` is None where no distributions
    were compared."""

    weights: Weights
    comparison: Comparison
    changes: tuple[TaskChange, ...]
    answers: DifferingAnswers
    slower: str | None
    tokens: FileTokens | None = None

    @property
    def worse(self) -> bool:
        """Whether it is shown to be worse in any task."""
        return any(change.worse for change in self.changes)

    @property
    def worse_by_score(self) -> bool:
        """The same, perplexities left out: they show differences that no answer shows."""
        return any(change.worse for change in self.changes if change.row.metric not in PERPLEXITIES)

    @property
    def excluded(self) -> float | None:
        """The loss that is excluded in every task that has a share as its score; None where in any there is none."""
        found = [change.excluded for change in self.changes if change.row.is_share]
        known = [loss for loss in found if loss is not None]
        return max(known) if known and len(known) == len(found) else None


class Quantizations(msgspec.Struct, frozen=True):
    """All of them, largest first. `noise` is what differs between two runs of the parent itself, None where there is
    one run; `tests` is how many tests Holm corrects for. `missing` names files without results, `remarks` say in words
    what is to be known of the files themselves."""

    parent: Weights
    results: RunResults
    found: tuple[Quantization, ...]
    noise: DifferingAnswers | None
    noise_perplexity: tuple[tuple[str, PerplexityRatio], ...]
    tests: int
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def smallest(self) -> Quantization | None:
        """The smallest file that is not shown to be worse than the parent; None where each is."""
        good = [found for found in self.found if not found.worse and _tested(found)]
        return min(good, key=lambda found: found.weights.bytes, default=None)

    @property
    def smallest_by_score(self) -> Quantization | None:
        """The same by the scores alone, without perplexities."""
        good = [found for found in self.found if not found.worse_by_score and _tested(found, scores=True)]
        return min(good, key=lambda found: found.weights.bytes, default=None)


def with_tokens(found: Quantizations, tokens: Mapping[str, FileTokens]) -> Quantizations:
    """Return the same with what was found at every token of the same texts, by the files' labels."""
    files = tuple(msgspec.structs.replace(each, tokens=tokens.get(each.weights.label)) for each in found.found)
    return msgspec.structs.replace(found, found=files)


def _tested(found: Quantization, *, scores: bool = False) -> bool:
    """Return whether anything was tested: what was not asked is not "not shown to be worse"."""
    return any(change.p is not None and not (scores and change.row.metric in PERPLEXITIES) for change in found.changes)


def compare_quantizations(
    parent: tuple[Weights, RunResults],
    others: Sequence[tuple[Weights, RunResults]],
    again: RunResults | None,
    missing: Sequence[str] = (),
) -> Quantizations:
    """Compare each of `others` with the parent, corrected over all of them together, and the parent's second run with
    its first. Files without results, `missing`, count in the correction: otherwise it would depend on when somebody
    stopped. Reads all samples. Raises BenchtuiError naming a damaged sample file."""
    weights, results = parent
    comparisons = {
        file.label: compare_runs(results, second, names=(weights.label, file.label)) for file, second in others
    }
    tests = tests_of(comparisons) + len(missing) * max((each.tests for each in comparisons.values()), default=0)
    changes = task_changes(comparisons, tests)
    found = tuple(
        Quantization(
            file,
            comparison := comparisons[file.label],
            changes[file.label],
            differing_answers(comparison),
            smaller_but_slower(comparison),
        )
        for file, _ in others
    )
    repeated = compare_runs(results, again, names=(weights.label, f"{weights.label} again")) if again else None
    return Quantizations(
        weights,
        results,
        tuple(sorted(found, key=lambda each: -each.weights.bytes)),
        differing_answers(repeated) if repeated else None,
        tuple((row.task, ratio) for row in repeated.headlines if (ratio := row_perplexity(repeated, row)))
        if repeated
        else (),
        tests,
        tuple(missing),
    )


def tests_of(comparisons: Mapping[str, Comparison]) -> int:
    """Return how many tests there are: every task of every comparison, whatever became of it."""
    return sum(comparison.tests for comparison in comparisons.values())


def task_changes(comparisons: Mapping[str, Comparison], tests: int) -> dict[str, tuple[TaskChange, ...]]:
    """Judge every task of every comparison together, as `tests` tests: they all are with the same parent."""
    asked = [(name, row) for name, comparison in comparisons.items() for row in comparison.headlines]
    ratios = [row_perplexity(comparisons[name], row) for name, row in asked]
    p_values = [_p(row, ratio) for (_, row), ratio in zip(asked, ratios, strict=True)]
    tested = [p for p in p_values if p is not None]
    corrected = iter(holm(tested, tests=tests))
    changes: dict[str, list[TaskChange]] = {name: [] for name in comparisons}
    for (name, row), ratio, own in zip(asked, ratios, p_values, strict=True):
        p = next(corrected) if own is not None else None
        lost = _loss(row, ratio) if p is not None and p < ALPHA else 0.0
        changes[name].append(TaskChange(row, p, lost > 0, lost < 0, _excluded(row, tests), ratio))
    return {name: tuple(each) for name, each in changes.items()}


def _p(row: Row, ratio: PerplexityRatio | None) -> float | None:
    """Return the two-sided p-value of no change; of a perplexity that of its ratio, which is paired in nats."""
    if row.tested is None:
        return None
    return ratio.p if ratio is not None else row.tested.p


def _loss(row: Row, ratio: PerplexityRatio | None) -> float:
    """Return a number above zero where the quantisation is worse, below zero where it is better."""
    if ratio is not None:
        return ratio.value - 1
    assert row.tested is not None  # noqa: S101 - it has a p-value
    return -row.tested.value if row.higher_is_better else row.tested.value


def _excluded(row: Row, tests: int) -> float | None:
    """Return the smallest loss of a share that is excluded, one-sided at 5 % divided by all tests (Bonferroni), so
    that it holds for whichever file is picked."""
    if not row.is_share or row.tested is None:
        return None
    interval = at_level(row.tested, 2 * ALPHA / max(tests, 1)).interval
    if interval is None:
        return None
    worst = -interval.low if row.higher_is_better else interval.high
    return max(worst, 0.0) if worst < 1 else None


def row_perplexity(comparison: Comparison, row: Row) -> PerplexityRatio | None:
    """Return the ratio of the two perplexities of a task, None where it measures none."""
    if row.metric not in PERPLEXITIES:
        return None
    sides = [SampleSource(results).read(row.task) for results in (comparison.first, comparison.second)]
    return perplexity_ratio(sides[0], sides[1], row.metric)


def perplexity_ratio(first: Sequence[Sample], second: Sequence[Sample], metric: str) -> PerplexityRatio | None:
    """Compute the ratio of two perplexities, document by document: exp of the mean difference in nats a unit (word or
    byte), each document weighing as many as it has. The samples of `metric` are pairs of log-likelihood and units, as
    lm-eval's word_perplexity, or log-likelihoods alone, as its perplexity. None where no document has both."""
    told = [
        (one, other)
        for a, b in pair_documents(first, second).pairs
        if (one := _nats(dict(a.values).get(metric))) is not None
        and (other := _nats(dict(b.values).get(metric))) is not None
    ]
    if not told:
        return None
    lost = np.array([one[0] - other[0] for one, other in told], dtype=np.float64)
    units = np.array([one[1] for one, _ in told], dtype=np.float64)
    mean = float(lost.sum() / units.sum())
    ends, p = _interval(lost, units)
    interval = Interval(math.exp(ends.low), math.exp(ends.high)) if ends is not None else None
    return PerplexityRatio(math.exp(mean), interval, p, len(told))


def _interval(lost: Floats, units: Floats) -> tuple[Interval | None, float | None]:
    """Return the interval of the mean of `lost` (documents,) for each of `units`, and the two-sided p of no loss."""
    found = units_of(lost / units.sum(), units / units.sum(), None)
    if found is not None:
        p = 2 * min(chance_of_no_more(found, 0.0), chance_of_no_more(found.mirrored(), 0.0))
        return mean_interval(found), min(1.0, p)
    if len(lost) < FEWEST_FOR_STUDENT:
        return None, None
    stderr = weighted_stderr(lost / units, units)
    if stderr == 0:
        return None, 1.0 if not lost.any() else None
    mean = float(lost.sum() / units.sum())
    return t_interval(mean, stderr, len(lost)), t_test(mean / stderr, len(lost))


def _nats(value: Value | None) -> tuple[float, float] | None:
    """Return log-likelihood and units of a document, None where it has none."""
    if isinstance(value, list):
        return (float(value[0]), float(value[1])) if len(value) == 2 and value[1] > 0 else None
    return None if value is None or isinstance(value, bool) else (float(value), 1.0)
