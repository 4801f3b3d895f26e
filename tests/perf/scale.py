"""What a run of 50,000 documents that are answered at once costs the process that supervises its eight workers.

    python tests/perf/scale.py [--documents N] [--workers N]      (some minutes; needs no network and no model)

Fails where that process needs more than 200 MB, or more than 1 ms of processor time an answer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.perf.scale_parts.idle_pool import cost_of_waiting
from tests.perf.scale_parts.measured_run import Costs, make_workspace, measured_run

DOCUMENTS, WORKERS = 50_000, 8
MOST_MEMORY = 200e6
MOST_EACH = 1e-3
POOLS = (8, 32, 100)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder), options.documents)
        costs = measured_run(workspace, options.workers, options.documents)
    print("\n".join(told(costs)))
    for workers in POOLS:
        load, peak = cost_of_waiting(workers)
        print(f"{workers} workers that wait: {load:.1%} of a core, {peak / 1e6:.0f} MB")
    return 0 if costs.driver_peak <= MOST_MEMORY and costs.driver_each <= MOST_EACH else 1


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
