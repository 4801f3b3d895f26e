"""Processes that are gone from one moment to the next."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

from benchtui.runs.journal.journal import answered_requests
from tests.e2e.faults.drive import Place, done_record, on_disk, same_results
from tests.e2e.faults.kept import ALL, row, with_score
from tests.e2e.faults.table import Row, fault

PACE = {"FAULT_PACE": "0.03"}
MOMENTS = 25


def _killed_at(place: Place, seed: int) -> list[Row]:
    """SIGKILL of the worker at a moment between its start and its end, drawn at random."""
    reference = place.merged()
    draw = random.Random(seed)  # noqa: S311
    run = place.run("merged", env=PACE)
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
        assert code == (3 if "scores of" in before else 1)
    if code != 0:
        again = place.resume() if seed % 2 else place.run("merged")
        assert again.ended() == 0, again.text
        if record.answered:  # else nothing was worth going on with, and a new run is made
            assert place.runs("merged") == [directory]
    finished = place.runs("merged")[-1]
    resumed = same_results(finished, reference)
    return [Row("SIGKILL of the worker", f"{record.answered}/{ALL}", before, left, code, resumed)]


for moment in range(1, MOMENTS + 1):
    fault(f"SIGKILL of the worker, moment {moment}", long_only=True)(
        lambda place, seed=moment: _killed_at(place, seed)  # type: ignore[misc]
    )


@fault("SIGKILL of the worker at three moments, of the supervisor, of both")
def killed_again_and_again(place: Place) -> list[Row]:
    """One run, struck again each time it is resumed."""
    reference = place.merged()
    rows = []
    draw = random.Random()  # noqa: S311 - another night, other moments
    for number, at in enumerate(sorted(draw.sample(range(2, 50), 3))):
        pause = place.pause(at)
        run = place.resume(env=pause.env) if number % 2 else place.run("merged", env=pause.env)
        directory = run.paused(pause)
        os.kill(run.worker(directory), signal.SIGKILL)
        pause.release()
        code = run.ended()
        assert code == 3, run.text
        assert done_record(directory).status == "failed"
        assert done_record(directory).results, "what was answered is scored"
        rows.append(row("SIGKILL of the worker", run, directory, code))

    pause = place.pause(at=55)
    run = place.run("merged", env=pause.env)
    run.paused(pause)
    run.send(signal.SIGKILL)
    run.ended()
    assert not directory.done.exists()
    rows.append(row("SIGKILL of the supervisor", run, directory, "SIGKILL"))

    pause = place.pause(at=65)
    run = place.resume(env=pause.env)
    run.paused(pause)
    worker = run.worker(directory)
    run.send(signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    run.ended()
    rows.append(row("SIGKILL of both", run, directory, "SIGKILL"))

    pause = place.pause(at=75)
    run = place.resume(env=pause.env)
    run.paused(pause)
    os.killpg(run.worker(directory), signal.SIGSTOP)
    time.sleep(0.2)
    run.send(signal.SIGKILL)
    run.ended()
    rows.append(row("SIGKILL of the supervisor, worker stopped", run, directory, "SIGKILL"))

    run = place.resume()
    assert run.ended() == 0, run.text
    assert place.runs("merged") == [directory]
    return with_score(rows, same_results(directory, reference))
