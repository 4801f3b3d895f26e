"""The same strokes against benchtui's own engine, which makes its batches by itself."""

from __future__ import annotations

import os
import signal

from tests.e2e.faults.drive import Place, same_results
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault

FAST = ("--engine", "fast")


@fault("the fast engine: worker killed, stopped")
def fast_engine(place: Place) -> list[Row]:
    place.add(place.workshop.merged, "fast")
    reference = place.references.place("fast", *FAST).runs("fast")[0]
    pause = place.pause(at=10)
    run = place.run("fast", *FAST, env=pause.env)
    directory = run.paused(pause)
    os.kill(run.worker(directory), signal.SIGKILL)
    pause.release()
    code = run.ended()
    assert code == 3, run.text
    rows = [row("fast engine: SIGKILL of the worker", run, directory, code)]
    pause = place.pause(at=60)
    run = place.resume(env=pause.env)
    run.paused(pause)
    run.send(signal.SIGTERM)
    run.until(lambda: "Stopping" in run.text)
    pause.release()
    code = run.ended()
    assert code == 130, run.text
    rows.append(row("fast engine: SIGTERM", run, directory, code))
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score(rows, same_results(directory, reference, tolerance=1e-6))
