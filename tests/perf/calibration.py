"""The longer form of tests/evidence/test_calibration.py: more replicas, sizes and kinds of score. Some minutes.

    python tests/perf/calibration.py [--replicas 20000]

Prints how often equal models are called different, how often intervals cover, how often early decisions are wrong and
where they stop. Exits 1 when a rate of error exceeds 5 % by more than its own simulation error, or an interval covers
less than 94.4 %.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.evidence.simulation import (
    covered_differences,
    false_decisions,
    false_verdicts,
    false_verdicts_in_clusters,
    median_stop,
    spread_of_skills,
    wrong_within,
)

SIZES = (5, 10, 20, 50, 100, 541, 1_319, 10_042)
failures: list[str] = []


def report(name: str, rate: float, replicas: int) -> None:
    """One line; an error rate over 5 % counts when simulation alone would hardly give it."""
    bound = 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / replicas)
    if rate > bound:
        failures.append(name)
    print(f"{name:58} {100 * rate:6.2f} %{'  OVER' if rate > bound else ''}", flush=True)


def coverage(name: str, rate: float) -> None:
    if rate < 0.944:
        failures.append(name)
    print(f"{name:58} {100 * rate:6.2f} %", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=20_000)
    replicas = parser.parse_args().replicas
    rng = np.random.default_rng(2026)
    print("Equal models called different (0/1 scores):")
    for n in SIZES:
        for discordant in (0.05, 0.2, 0.5):
            report(f"  n = {n}, {discordant:.0%} change", false_verdicts(n, discordant, replicas, rng), replicas)
    print("Equal models called different (scores in clusters):")
    for clusters in (5, 12, 19, 49, 50, 57, 541):
        few = min(replicas, 1_000 if 13 < clusters < 50 else 4_000)
        report(f"  {clusters} clusters", false_verdicts_in_clusters(clusters, few, rng), few)
    print("Intervals that cover the true difference, over a spread of skills:")
    for n in SIZES[:-1]:
        coverage(f"  n = {n}", covered_differences(n, spread_of_skills(replicas, rng), rng))
    print("Early decisions that are wrong, looking at every document:")
    for n in (50, 541, 1_319):
        for discordant in (0.1, 0.3, 0.5):
            few = min(replicas, 4_000)
            here, elsewhere = false_decisions(n, discordant, few, rng)
            report(f"  n = {n}, {discordant:.0%} change: no difference on these documents", here, few)
            report(f"  n = {n}, {discordant:.0%} change: no difference in skill", elsewhere, few)
    for delta in (0.02, 0.05):
        report(f"  n = 541: just outside {delta:.0%}", wrong_within(541, delta, 0.25, 4_000, rng), 4_000)
    print("Median documents of IFEval's 541 before a decision, 25 % change:")
    for effect in (0.0, 0.03, 0.06, 0.10, 0.15):
        print(
            f"  true difference {100 * effect:.0f} points: {median_stop(541, effect, 0.25, 201, rng):.0f}", flush=True
        )
    for failure in failures:
        print(f"OVER:{failure}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
