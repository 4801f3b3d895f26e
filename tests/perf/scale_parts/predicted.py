"""What the simulator says of runs on this machine, beside what they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchtui.machine import usable_cores
from benchtui.runs.chunks import WorkUnit
from tests.perf.scale_parts.measured_run import TASK, Costs, measured_run
from tests.perf.scale_parts.simulator import Rates, Simulated, simulate

CALIBRATING = 1500
LAST = 0.2
WAITED = 0.005
"""Seconds that a document takes while it is calibrated: to wake up from a wait takes a worker time as well."""


@dataclass(frozen=True)
class Compared:
    """One run, measured and simulated."""

    measured: Costs
    simulated: Simulated

    @property
    def error(self) -> float:
        """By how much of the measured seconds the simulated ones differ."""
        return self.simulated.seconds / self.measured.seconds - 1

    @property
    def words(self) -> str:
        took, said = self.measured, self.simulated
        both = f"{took.seconds:.1f} s measured, {said.seconds:.1f} s simulated ({self.error:+.1%})"
        asking = f"asking {took.ask:.1f} s, {said.ask:.1f} s ({said.ask / took.ask - 1:+.1%})"
        return f"{took.workers} workers, {took.documents:,} documents: {both}; {asking}; load before {took.load:.1f}"


def calibrated(workspace: Path, documents: int = CALIBRATING) -> Rates:
    """Rates of this machine now, from a run with one worker and one with two each document a short wait."""
    alone, two = (measured_run(workspace, workers, documents, seconds=WAITED) for workers in (1, 2))
    start = alone.start - alone.command
    return Rates(
        0.0,
        command=alone.command,
        start=start,
        build=alone.build[0] / documents,
        own=max(0.0, alone.ask / documents - WAITED),
        chunk=0.0,
        gather=0.0,  # it is in `score`
        score=max(0.0, two.end - start - LAST) / documents,
        final=max(0.0, alone.end - LAST) / documents,
        last=LAST,
        journal=two.journal / documents,
        events=two.events / documents,
    )


def compared(
    workspace: Path, rates: Rates, workers: tuple[int, ...], documents: int, *, works: bool = False
) -> Iterator[Compared]:
    """Runs of so many workers, each measured and then simulated. A document takes `rates.document` seconds."""
    for number in workers:
        measured = measured_run(workspace, number, documents, seconds=rates.document, works=works)
        unit = WorkUnit(TASK, documents)
        yield Compared(measured, simulate([unit], number, rates, cores=usable_cores()))
