"""Simulated comparisons of models whose true difference is known, run through the code that real ones go through."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.records import Kind
from benchtui.compare.verdicts.verdicts import judge
from benchtui.evidence.matched_pairs import matched_interval, mcnemar
from benchtui.evidence.questions import Asked
from benchtui.evidence.records import ALPHA, EARLY_ALPHA, FINAL_ALPHA
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, Betting, DecideEarly
from benchtui.evidence.shares import wilson

Floats = npt.NDArray[np.float64]
MEAN, SEVERAL = AGGREGATIONS[0], AGGREGATIONS[1]


@functools.cache
def verdict_of(fixed: int, broken: int, n: int) -> Kind:
    """The verdict on `n` paired 0/1 scores of which so many changed: the outcome depends on nothing else."""
    first = np.zeros((n, 2))
    second = np.zeros((n, 2))
    first[:, 1] = second[:, 1] = 1
    second[:fixed, 0] = 1
    first[fixed : fixed + broken, 0] = 1
    found = difference(PairedTerms(MEAN, first, second))
    return judge(found, higher_is_better=True, is_share=True).kind


def false_verdicts(n: int, discordant: float, replicas: int, rng: np.random.Generator) -> float:
    """How often two models of equal skill get any verdict but "no difference shown"."""
    shares = [discordant / 2, discordant / 2, 1 - discordant]
    drawn = rng.multinomial(n, shares, size=replicas)
    return float(np.mean([verdict_of(int(f), int(b), n) is not Kind.NO_DIFFERENCE for f, b, _ in drawn]))


def spread_of_skills(replicas: int, rng: np.random.Generator) -> Floats:
    """True shares (fixed, broken, unchanged) of as many benchmarks: half of all samples change on average."""
    return rng.dirichlet([0.5, 0.5, 1.0], replicas)


@functools.cache
def _interval(fixed: int, broken: int, n: int) -> tuple[float, float]:
    found = matched_interval(fixed, broken, n)
    return found.low, found.high


def covered_differences(n: int, skills: Floats, rng: np.random.Generator) -> float:
    """How often the interval holds the true difference, for each row of true shares once."""
    drawn = rng.multinomial(n, skills)
    truth = skills[:, 0] - skills[:, 1]
    ends = np.array([_interval(int(f), int(b), n) for f, b, _ in drawn])
    return float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))


def covered_scores(n: int, skill: float, replicas: int, rng: np.random.Generator) -> float:
    """How often Wilson's interval of one 0/1 score holds the true one."""
    ends = [(found.low, found.high) for found in (wilson(int(k), n) for k in rng.binomial(n, skill, replicas))]
    return float(np.mean([low <= skill <= high for low, high in ends]))


def false_decisions(n: int, discordant: float, replicas: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often zero is refuted at any look: over sets whose difference is exactly zero, and over samples of an endless
    stream in which it is. Both sequences must refute it, as DecideEarly asks."""
    half = round(discordant * n / 2)
    exact = np.concatenate([np.ones(half), -np.ones(half), np.zeros(n - 2 * half)])
    on_these = np.stack([rng.permutation(exact) for _ in range(replicas)])
    shares = [discordant / 2, discordant / 2, 1 - discordant]
    on_others = rng.choice([1.0, -1.0, 0.0], p=shares, size=(replicas, n))
    return _zero_refuted(on_these), _zero_refuted(on_others)


def _zero_refuted(differences: Floats) -> float:
    n = differences.shape[1]
    refuted = _refuted(differences, 0.0, n) & _refuted(differences, 0.0, None)
    return float(np.mean(refuted))


def _refuted(
    differences: Floats, candidate: float, population: int | None, alpha: float = ALPHA
) -> npt.NDArray[np.bool_]:
    """For each row whether the candidate difference is refuted at any look, through the worker's own bets."""
    betting = Betting(np.array([[(candidate + 1) / 2]]), population, alpha)
    for t in range(differences.shape[1]):
        betting.add((differences[:, t : t + 1] + 1) / 2)
    return betting.refuted()[:, 0]


def false_verdicts_when_watched(n: int, discordant: float, replicas: int, rng: np.random.Generator) -> float:
    """How often a watched run of two models of equal skill tells them apart: by stopping, or at its end at 1 %."""
    return found_when_watched(n, discordant, 0.0, replicas, rng)


def found_when_watched(n: int, discordant: float, effect: float, replicas: int, rng: np.random.Generator) -> float:
    """The same where the true difference is `effect`."""
    shares = [(discordant + effect) / 2, (discordant - effect) / 2, 1 - discordant]
    differences = rng.choice([1.0, -1.0, 0.0], p=shares, size=(replicas, n))
    looked = differences[:, :-1]
    stopped = _refuted(looked, 0.0, n, EARLY_ALPHA) & _refuted(looked, 0.0, None, EARLY_ALPHA)
    counts = [(int(np.sum(row == 1)), int(np.sum(row == -1))) for row in differences]
    ended = np.array([mcnemar(fixed, broken) < FINAL_ALPHA for fixed, broken in counts])
    return float(np.mean(stopped | ended))


def wrong_within(n: int, delta: float, discordant: float, replicas: int, rng: np.random.Generator) -> float:
    """How often a set whose difference is delta (rounded up to a document) is found to lie inside: delta refuted."""
    gain = int(np.ceil(delta * n))
    changed = max(round(discordant * n), gain)
    fixed = (changed + gain) // 2
    broken = fixed - gain
    whole = np.concatenate([np.ones(fixed), -np.ones(broken), np.zeros(n - fixed - broken)])
    drawn = np.stack([rng.permutation(whole) for _ in range(replicas)])
    return float(np.mean(_refuted(drawn, float(whole.mean()), n)))


def median_stop(n: int, effect: float, discordant: float, replicas: int, rng: np.random.Generator) -> float:
    """After how many documents a run stops, the median, looking as often as the worker does; one that never stops
    counts with all of them."""
    shares = [(discordant + effect) / 2, (discordant - effect) / 2, 1 - discordant]
    stops = []
    for _ in range(replicas):
        state = DecideEarly(n, Asked(delta=0.02))
        for value in rng.choice([1.0, -1.0, 0.0], p=shares, size=n):
            state.add(float(value))
            if state.n % DOCUMENTS_A_LOOK == 0 and state.decision() is not None:
                break
        stops.append(state.n)
    return float(np.median(stops))
