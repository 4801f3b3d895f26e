"""The same strokes against benchtui's own engine, which makes its batches by itself."""

from __future__ import annotations

import os
import signal

from tests.e2e.faults.drive import Place, same_results
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault

FAST = ("--engine", "fast")
PACE = {"FAULT_PACE": "0.03"}


@fault("the fast engine: worker killed, supervisor killed, stopped")
def fast_engine(place: Place) -> list[Row]:
    place.add(place.workshop.merged, "fast")
    reference = place.references.place("fast", *FAST).runs("fast")[0]
    run = place.run("fast", *FAST, env=PACE)
    directory = run.answered(10)
    os.kill(run.worker(directory), signal.SIGKILL)
    code = run.ended()
    assert code == 3, run.text
    rows = [row("fast engine: SIGKILL of the worker", run, directory, code)]
    run = place.resume(env=PACE)
    run.answered(50, directory)
    run.send(signal.SIGKILL)
    run.ended()
    rows.append(row("fast engine: SIGKILL of the supervisor", run, directory, "SIGKILL"))
    run = place.resume(env=PACE)
    run.answered(100, directory)
    run.send(signal.SIGTERM)
    code = run.ended()
    assert code == 130, run.text
    rows.append(row("fast engine: SIGTERM", run, directory, code))
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score(rows, same_results(directory, reference, tolerance=1e-6))
