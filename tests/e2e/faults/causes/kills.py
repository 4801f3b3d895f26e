"""Processes that are gone from one moment to the next."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

from benchtui.runs.journal import answered_requests
from tests.e2e.faults.drive import Place, done_record, on_disk, same_results
from tests.e2e.faults.kept import ALL, answered_of
from tests.e2e.faults.table import Row, fault

PACE = {"FAULT_PACE": "0.03"}


def _killed_at(place: Place, seed: int) -> list[Row]:
    """SIGKILL of the worker at a moment between its start and its end, drawn at random."""
    reference = place.merged()
    run = place.run("merged", env=PACE)
    draw = random.Random(seed)  # noqa: S311
    directory = run.newest_run()
    worker = run.worker(directory)
    if draw.random() < 0.2:  # while it loads
        time.sleep(draw.uniform(0.1, 4.0))
    else:
        wanted = draw.randrange(ALL)
        run.until(lambda: answered_requests(directory.journal) >= wanted, ended_is_fine=True)
        time.sleep(draw.uniform(0, 0.1))
    with suppress(ProcessLookupError):  # it may have been faster: nothing was interrupted then, a moment too
        os.kill(worker, signal.SIGKILL)
    code = run.ended()
    before, left = on_disk(directory), len(place.left())
    record = done_record(directory)
    if record.answered == 0:
        assert code == 1, run.text
    elif record.status == "finished":
        assert code == 0
    else:
        assert code in (1, 3)
        assert (code == 3) == ("scores of" in before)
    if code != 0:
        again = place.resume() if seed % 2 else place.run("merged")
        assert again.ended() == 0, again.text
        if record.answered:  # else nothing was worth going on with, and a new run is made
            assert place.runs("merged") == [directory]
    finished = place.runs("merged")[-1]
    return [
        Row("SIGKILL of the worker", f"{record.answered}/{ALL}", before, left, code, same_results(finished, reference))
    ]


for number in range(25):
    fault(f"SIGKILL of the worker, moment {number + 1}", long_only=number >= 3)(
        lambda place, seed=number: _killed_at(place, seed)
    )


@fault("SIGKILL of the supervisor, then of both")
def supervisor_killed(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env=PACE)
    directory = run.answered(12)
    run.send(signal.SIGKILL)
    run.ended()
    left = len(place.left())
    first = Row("SIGKILL of the supervisor", answered_of(directory), on_disk(directory), left, "SIGKILL", "see below")
    assert not directory.done.exists()

    run = place.run("merged", env=PACE)
    assert run.newest_run() == directory
    run.answered(50, directory)
    worker = run.worker(directory)
    run.send(signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    run.ended()
    left, before, answered = len(place.left()), on_disk(directory), answered_of(directory)
    again = place.resume()
    assert again.ended() == 0, again.text
    second = Row("SIGKILL of both", answered, before, left, "SIGKILL", same_results(directory, reference))
    return [first, second]


@fault("SIGKILL of the supervisor while its worker is stopped")
def supervisor_killed_while_worker_stopped(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env=PACE)
    directory = run.answered(12)
    os.killpg(run.worker(directory), signal.SIGSTOP)
    time.sleep(0.2)
    run.send(signal.SIGKILL)
    run.ended()
    left, before, answered = len(place.left()), on_disk(directory), answered_of(directory)
    again = place.resume()
    assert again.ended() == 0, again.text
    name = "SIGKILL of the supervisor, worker stopped"
    return [Row(name, answered, before, left, "SIGKILL", same_results(directory, reference))]
