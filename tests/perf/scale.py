"""What a run of 50,000 documents that are answered at once costs the process that supervises its eight workers.

    python tests/perf/scale.py [--documents N] [--workers N]      (some minutes; needs no network and no model)
    python tests/perf/scale.py --predict     runs of 1, 2 and 4 workers beside what the simulator says of them
    python tests/perf/scale.py --plan        suites of a million documents, simulated, with up to 1,000 workers

Fails where that process needs more than 200 MB, or more than 1 ms of processor time an answer; and where the simulator
is wrong by more than a tenth. It calibrates itself before it predicts, which is of use on a machine that is idle only.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchtui.runs.chunks import WorkUnit
from tests.perf.scale_parts.idle_pool import cost_of_waiting
from tests.perf.scale_parts.measured_run import Costs, make_workspace, measured_run
from tests.perf.scale_parts.predicted import calibrated, compared
from tests.perf.scale_parts.simulator import Rates, simulate

DOCUMENTS, WORKERS = 50_000, 8
MOST_MEMORY = 200e6
MOST_EACH = 1e-3
POOLS = (8, 32, 100)
PREDICTED, EACH, MOST_WRONG = 3000, 0.02, 0.1
PLANNED = (8, 32, 100, 300, 1000)
SUITE = [WorkUnit(f"task{number}", 10_000) for number in range(100)]
RATES = Rates(0.2, build=0.0005, own=0.0005, score=0.001)
"""Of a model that needs 0.2 s for a document, on a device of its own; the rest as measured here."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--predict", action="store_true")
    parser.add_argument("--plan", action="store_true")
    options = parser.parse_args()
    if options.plan:
        return plan()
    if options.predict:
        return predict()
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder), options.documents)
        costs = measured_run(workspace, options.workers, options.documents)
    print("\n".join(told(costs)))
    for workers in POOLS:
        load, peak = cost_of_waiting(workers)
        print(f"{workers} workers that wait: {load:.1%} of a core, {peak / 1e6:.0f} MB")
    return 0 if costs.driver_peak <= MOST_MEMORY and costs.driver_each <= MOST_EACH else 1


def predict() -> int:
    """Compare runs of 1, 2 and 4 workers, whose models wait, with what is simulated."""
    errors = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder), PREDICTED)
        rates = dataclasses.replace(calibrated(workspace), document=EACH)
        for found in compared(workspace, rates, (1, 2, 4), PREDICTED):
            print(found.words, flush=True)
            errors.append(abs(found.error))
    return 0 if max(errors) <= MOST_WRONG else 1


def plan() -> int:
    """Simulate a suite of a million documents with more and more workers, each on a processor of its own."""
    for workers in PLANNED:
        found = simulate(SUITE, workers, RATES, cores=workers, apart=True)
        ends = found.seconds - found.asked_to
        print(
            f"{workers:>5} workers: {found.seconds:,.0f} s, of which {ends:,.0f} s to gather and score; efficiency "
            f"{found.efficiency:.3f} until then, supervisor {found.driver_load:.1%} of a core, "
            f"{found.events / found.asked_to:,.0f} events a second, {found.chunks:,} chunks",
            flush=True,
        )
    return 0


def told(costs: Costs) -> list[str]:
    """What one run cost, in lines."""
    building, each = sum(costs.build) / len(costs.build), costs.documents
    asking = f"asking {costs.ask:.1f} s ({costs.rate:,.0f} a second, {costs.chunks} chunks)"
    return [
        f"{each:,} documents, {costs.workers} workers: {costs.seconds:.1f} s; load before: {costs.load:.1f}",
        f"  driver: {costs.driver_peak / 1e6:.0f} MB, {1e3 * costs.driver_each:.3f} ms of processor time an answer",
        f"  start {costs.start:.1f} s, prompts {building:.1f} s in each worker, {asking}",
        f"  after the last answer: gathering {costs.gather:.2f} s, scoring and writing {costs.score:.1f} s",
        f"  bytes an answer: journal {costs.journal / each:.0f}, events {costs.events / each:.0f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
