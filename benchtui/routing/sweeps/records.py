"""What a sweep over thresholds found of each document: every report and every conclusion is made from this.

A sweep is written by the process that ran both models, or made from two finished runs; it is a file of a run, so that
it may come from anybody.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import read_regular, write_run_file
from benchtui.routing.names import DeferScore, StrategyName
from benchtui.routing.rules import Threshold, percent_of
from benchtui.text import one_line

SWEEP = "sweep.json"
"""Its name in the folder of a run."""
LARGEST = 256 * 1024 * 1024
"""Bytes of a file that is read; MMLU's 14,042 documents at a hundred thresholds take a quarter of it."""
MOST_THRESHOLDS = 1_000
GREATEST = 1e15
"""Of scores and amounts of work: far more than any there are, and their squares can still be added."""

Measure = Literal["calls", "documents", "tokens", "positions", "flops"]
"""What work is counted in: calls one after another, whole documents, tokens written or scored, positions computed,
floating-point operations."""
MEASURES: tuple[Measure, ...] = ("calls", "documents", "tokens", "positions", "flops")
Amounts = dict[Measure, tuple[float, ...]]
"""The work of one model for each document (documents,), by what it was counted in."""
Answers = Literal["choices", "texts", "rolling"]
Likelihoods = Literal["", "by token mixture", "by document"]
"""What a routed log-likelihood is: each token scored by the model that the rule takes there, or each document by one
model; "" where answers are texts."""


class SweptMetric(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric under one filter: the score of each document (documents,) by the `small` and the `large` model alone,
    and at each threshold, `scores` (thresholds, documents), on lm-eval's own scale.

    The whole score is the mean weighted by `weights` (documents,), () for equal ones (IFEval's instructions: how many
    there are). `bounded`: scores between 0 and 1 have these as the ends of their scale. `random` (thresholds,
    documents), () where it was not simulated: the mean score where as large a share of the tokens as at that threshold
    goes to the large model, drawn at random.
    """

    metric: str
    filter: str
    higher_is_better: bool
    small: tuple[float, ...]
    large: tuple[float, ...]
    scores: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...] = ()
    bounded: bool = True
    random: tuple[tuple[float, ...], ...] = ()


class SweptTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task. `doc_hashes` say what each document is: those with the same hash are one.

    `thresholds` decrease; `asked` are the places of those that somebody asked for, the others are there for the curve.
    Both models alone are not among them. `small_alone` and `large_alone` is what either does without the other, `large`
    and `small` (thresholds,) what they do at each threshold; `small` is () where that is what it does alone.

    Raises ValueError where the numbers are not all there, not finite, or not in order.
    """

    task: str
    answers: Answers
    doc_ids: tuple[int, ...]
    doc_hashes: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    asked: tuple[int, ...]
    small_alone: Amounts
    large_alone: Amounts
    large: tuple[Amounts, ...]
    metrics: tuple[SweptMetric, ...]
    small: tuple[Amounts, ...] = ()
    likelihoods: Likelihoods = ""

    def __post_init__(self) -> None:
        n, rows = len(self.doc_ids), len(self.thresholds)
        values = [each.value for each in self.thresholds]
        _check(n > 0 and len(self.doc_hashes) == n, "its documents are not all named")
        _check(rows <= MOST_THRESHOLDS, f"it has more than {MOST_THRESHOLDS:,} thresholds")
        _check(all(map(math.isfinite, values)), "a threshold is not a number")
        for threshold in self.thresholds:
            percent_of(threshold.asked)
        _check(all(a > b for a, b in itertools.pairwise(values)), "its thresholds do not decrease")
        _check(all(0 <= place < rows for place in self.asked), "it has no threshold that was asked for")
        _check(len(self.large) == rows and len(self.small) in (0, rows), "its costs are not of its thresholds")
        for amounts in (self.small_alone, self.large_alone, *self.large, *self.small):
            _check(all(_numbers(row, n, least=0.0) for row in amounts.values()), "costs are missing, or no numbers")
        _check(bool(self.measures), "it does not say what the large model does")
        for amounts in self.large:
            _check(amounts.keys() >= self.large_alone.keys(), "costs of the large model are missing")
        for each in self.metrics:
            _check(len(each.scores) == rows and len(each.random) in (0, rows), "its scores are not of its thresholds")
            scores = (each.small, each.large, *each.scores, *each.random)
            _check(all(_numbers(row, n) for row in scores), f"scores of {one_line(each.metric, 60)} are missing")
            _check(not each.weights or _numbers(each.weights, n, least=0.0), "weights are missing, or no numbers")
            _check(not each.weights or sum(each.weights) > 0, "no document has a weight")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What the large model's work was counted in, in the order of `MEASURES`."""
        return tuple(each for each in MEASURES if sum(self.large_alone.get(each, ())) > 0)


class Sweep(msgspec.Struct, frozen=True, omit_defaults=True):
    """All tasks. `small` and `large` name the models; `defer_by` is what documents were deferred by, None where tokens
    are routed. `seed` is that of the halves (benchtui/routing/thresholds.py). `notes` are sentences to be read beside
    the numbers."""

    small: str
    large: str
    strategy: StrategyName
    tasks: tuple[SweptTask, ...]
    hold: int = 1
    defer_by: DeferScore | None = None
    seed: int = 0
    notes: tuple[str, ...] = ()
    schema: int = 1


def write_sweep(folder: Path, sweep: Sweep) -> None:
    """Write the file of a sweep into the folder of a run. Raises OSError where that fails."""
    write_run_file(folder / SWEEP, msgspec.json.encode(sweep))


def read_sweep(folder: Path) -> Sweep:
    """Read the file of a sweep from the folder of a run. Raises BenchtuiError where there is none, or it is damaged."""
    place = folder / SWEEP
    try:
        return msgspec.json.decode(read_regular(place, LARGEST), type=Sweep)
    except FileNotFoundError:
        raise BenchtuiError(
            f"{one_line(str(place), 400)} is missing: this is no sweep, or it did not come to its end.",
            "Resume the run: `benchtui runs` names it.",
        ) from None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BenchtuiError(
            f"{one_line(str(place), 400)} cannot be read: {one_line(str(error), 200)}.", "Run the sweep again."
        ) from None


def _numbers(values: Sequence[float], n: int, least: float = -math.inf) -> bool:
    """Whether there are `n` numbers, none less than `least`, with which it can be reckoned."""
    return len(values) == n and all(least <= value <= GREATEST and value >= -GREATEST for value in values)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)
