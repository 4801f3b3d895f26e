"""Rules for the size of a chunk beside each other, on a simulated clock: `python -m tests.perf.scale_parts.schedules`.

A rule is (parts, enough, smallest), as `benchtui.supervise.schedule` names them. Told is the efficiency while documents
are asked: with workers of one speed, and with one that has half of it; `batch` where a model takes half of the time of
a full batch of 32 for the smallest one.
"""

from __future__ import annotations

from benchtui.runs.chunks import WorkUnit
from benchtui.supervise import schedule
from tests.perf.scale_parts.simulator import Rates, simulate

RULES = ((2, 1, 4), (3, 16, 4), (4, 1, 4), (4, 16, 4), (4, 32, 8), (6, 1, 4))
RUNS = ((2, 200), (2, 1319), (4, 1319), (8, 10_042), (32, 10_042))
SEEDS = range(2)


def efficiency(rule: tuple[int, int, int], workers: int, documents: int, *, slowest: float, fixed: float) -> float:
    """The mean over a few seeds."""
    schedule.PARTS, schedule.ENOUGH, schedule.SMALLEST = rule
    rates, speeds = Rates(0.2, own=0, fixed=fixed), [slowest] + [1.0] * (workers - 1)
    unit = WorkUnit("task", documents)
    runs = [simulate([unit], workers, rates, cores=workers, seed=seed, apart=True, speeds=speeds) for seed in SEEDS]
    return sum(run.ideal / run.ask for run in runs) / len(runs)


def main() -> None:
    print("rule, batch:", ", ".join(f"{workers} workers {documents}" for workers, documents in RUNS))
    for rule in RULES:
        for fixed in (0.0, 0.5):
            pairs = [[efficiency(rule, *run, slowest=slowest, fixed=fixed) for slowest in (1.0, 0.5)] for run in RUNS]
            print(f"{rule}, {fixed}:", ", ".join(f"{alike:.2f} {one_slow:.2f}" for alike, one_slow in pairs))


if __name__ == "__main__":
    main()
