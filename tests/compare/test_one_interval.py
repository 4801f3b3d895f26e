"""One interval, obtained from the test that is shown: it leaves out zero exactly when the raw p is below its level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchtui.compare.differences.difference import (
    PairedTerms,
    at_level,
    chance_of_no_less,
    chance_of_no_more,
    difference,
    interval_at,
)
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.records import Difference
from benchtui.compare.verdicts.verdicts import judge
from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.records import Flips
from tests.conftest import FULL, WHOLE

LEVELS = (0.05, 0.01, 0.0125, 0.05 / 57)
TABLES = 100_000 if FULL else 20_000 if WHOLE else 4_000
BY_NAME = {each.name: each for each in AGGREGATIONS}


def of_scores(first: np.ndarray, second: np.ndarray) -> PairedTerms:
    """The terms of one score a document."""
    sides = [np.stack([np.asarray(side, dtype=float), np.ones(len(side))], axis=1) for side in (first, second)]
    return PairedTerms(BY_NAME["mean"], sides[0], sides[1])


def test_of_right_or_wrong_scores_in_random_tables() -> None:
    """Of any size up to 2,000, mostly small; the p-value is McNemar's, computed apart."""
    rng = np.random.default_rng(14)
    sizes = np.exp(rng.uniform(0, np.log(2_000), TABLES)).astype(int)
    shares = rng.dirichlet([0.4, 0.4, 1.0], TABLES)
    found: dict[tuple[int, int, int, int], tuple[bool, bool]] = {}
    disagreeing = 0
    for n, share, level in zip(sizes, shares, rng.integers(len(LEVELS), size=TABLES), strict=True):
        fixed, broken, _ = rng.multinomial(n, share)
        table = (int(fixed), int(broken), int(n), int(level))
        if table not in found:
            made = _binary(*table[:3])
            interval = interval_at(made, LEVELS[level])
            assert interval is not None
            found[table] = interval.excludes_zero(), mcnemar(table[0], table[1]) < LEVELS[level]
        disagreeing += found[table][0] != found[table][1]
    assert disagreeing == 0
    assert any(excluded for excluded, _ in found.values())


def _binary(fixed: int, broken: int, n: int) -> Difference:
    return Difference(
        n=n, clusters=n, first=0.5, second=0.5, value=(fixed - broken) / n, stderr=0.1, interval=None,
        p=mcnemar(fixed, broken), method="exact McNemar", detectable=None,
        flips=Flips(fixed, broken, n - fixed - broken, 0),
    )  # fmt: skip


def continuous(rng: np.random.Generator) -> PairedTerms:
    n = int(np.exp(rng.uniform(0, 6)))
    return of_scores(rng.random(n), np.clip(rng.beta(2, 2 * rng.random() + 0.5, n), 0, 1))


def tied(rng: np.random.Generator) -> PairedTerms:
    """Few values, as of IFEval's shares; often nearly as many for as against."""
    n = int(rng.integers(1, 60))
    better = rng.random(n) < rng.choice([0.0, 0.4])
    return of_scores(rng.integers(0, 3, n) / 2, np.where(better, 2, rng.integers(0, 3, n)) / 2)


def moved_alike(rng: np.random.Generator) -> PairedTerms:
    n = int(rng.integers(1, 200))
    return of_scores(np.full(n, 0.4), np.full(n, 0.4 + rng.choice([-0.3, -0.01, 0.0, 0.01, 0.3])))


def without_a_scale(rng: np.random.Generator) -> PairedTerms:
    n = int(rng.integers(100, 300))
    return of_scores(rng.normal(0, 5, n), rng.lognormal(rng.normal(), 1, n))


def weighted(rng: np.random.Generator) -> PairedTerms:
    sizes = rng.integers(1, 30, int(rng.integers(1, 20)))
    terms = continuous(rng) if rng.random() < 0.5 else tied(rng)
    repeated = np.resize(np.repeat(1 / sizes, sizes), len(terms.first))
    return PairedTerms(terms.aggregation, terms.first, terms.second, weights=repeated)


def instructions(rng: np.random.Generator) -> PairedTerms:
    asked = rng.integers(1, 4, int(rng.integers(1, 300))).astype(float)
    followed = [rng.binomial(asked.astype(int), rng.random()).astype(float) for _ in range(2)]
    sides = [np.stack([side, asked], axis=1) for side in followed]
    return PairedTerms(BY_NAME["mean over instructions"], sides[0], sides[1])


def labels(rng: np.random.Generator) -> PairedTerms:
    n = int(rng.integers(150, 400))
    gold = rng.random(n) < 0.4
    sides = []
    for skill in rng.random(2):
        said = np.where(rng.random(n) < skill, gold, ~gold)
        sides.append(np.stack([gold & said, ~gold & said, gold & ~said, ~gold & ~said], axis=1).astype(float))
    return PairedTerms(BY_NAME[str(rng.choice(["f1", "matthews_corrcoef"]))], sides[0], sides[1])


def pages(rng: np.random.Generator) -> PairedTerms:
    words = np.ceil(rng.lognormal(4, 1, int(rng.integers(150, 400))))
    shift = rng.normal(1, 0.05)
    sides = [np.stack([-words * rng.lognormal(1, 0.1, len(words)) * by, words], axis=1) for by in (1.0, shift)]
    return PairedTerms(BY_NAME[str(rng.choice(["weighted_perplexity", "bits_per_byte"]))], sides[0], sides[1])


METHODS = [continuous, tied, moved_alike, without_a_scale, weighted, instructions, labels, pages]


@pytest.mark.parametrize("drawn", METHODS)
def test_of_all_other_scores_too(drawn: Callable[[np.random.Generator], PairedTerms]) -> None:
    """And each end is where the one-sided chance is half the level: gate and verdict read the same distribution."""
    rng = np.random.default_rng(5)
    excluded = 0
    for turn in range(1_000 if WHOLE else 100):
        level = LEVELS[turn % len(LEVELS)]
        found = at_level(difference(drawn(rng)), level)
        assert 0 <= found.p <= 1
        assert found.p == min(1.0, 2 * min(chance_of_no_more(found, 0.0), chance_of_no_less(found, 0.0)))
        if found.interval is None:
            assert found.p == 1.0
            continue
        assert found.interval.excludes_zero() == (found.p < level)
        assert found.interval.low < found.interval.high
        if found.interval.low > -1 or drawn is without_a_scale:  # where all lost everything it is the scale's end
            assert chance_of_no_more(found, found.interval.low) == pytest.approx(level / 2, rel=1e-3)
        if found.interval.high < 1 or drawn is without_a_scale:
            assert chance_of_no_less(found, found.interval.high) == pytest.approx(level / 2, rel=1e-3)
        excluded += found.interval.excludes_zero()
    assert excluded or drawn in (moved_alike,)


def test_as_many_for_as_against_is_no_difference() -> None:
    """A tie at any size: both chances of zero are alike, and the interval lies evenly around it."""
    for pairs in (1, 3, 20, 200):
        first, second = np.array([0.2, 0.7] * pairs), np.array([0.7, 0.2] * pairs)
        found = difference(of_scores(first, second))
        assert found.p == 1.0
        assert found.interval is not None
        assert found.interval.low == pytest.approx(-found.interval.high, abs=1e-9)


@pytest.mark.parametrize("scale", [1.0, 250.0])
@pytest.mark.parametrize("by", [0.0, 0.03, -0.5])
@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
def test_documents_that_all_moved_alike_claim_no_certainty(scale: float, by: float, n: int) -> None:
    """The standard error is zero, which is no knowledge of the next document."""
    first = np.full(n, 0.6 * scale)
    found = difference(of_scores(first, first + by * scale))
    words = judge(found, higher_is_better=True, is_share=scale == 1).sentence
    if scale == 1:
        assert found.p >= min(1.0, 2 * ((1 + min(by, 0)) if by < 0 else 1 / (1 + by)) ** n) - 1e-9
        assert found.interval is not None
        assert found.interval.high - found.interval.low >= 1 - 0.025 ** (1 / n)
    else:
        assert (found.p, found.interval) == (1.0, None)
        assert words.startswith("No evidence:")
