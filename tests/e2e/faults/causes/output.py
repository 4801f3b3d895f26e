"""A worker that prints without end, and clocks that go back."""

from __future__ import annotations

import os
import re

from benchtui.runs.events import Decision, WorkerStarted
from tests.e2e.faults.drive import Place, events_of, on_disk, same_results
from tests.e2e.faults.kept import answered_of
from tests.e2e.faults.table import Row, fault

MOST_MEMORY = 150_000_000
MOST_LOG = 13 * 1024 * 1024
_CLOCK = '''
"""Found by Python at its start: ten seconds after a process began, its clock is set back by a day."""
import time

_real, _began = time.time, time.time()


def _set_back():
    now = _real()
    return now - 86_400 if now - _began > 3 else now


time.time = _set_back
'''


@fault("a worker that prints a gigabyte, lines of 50 MB, escape codes, binary")
def prints(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env={"FAULT": "prints"}, on_terminal=True)
    directory = run.newest_run()
    code = run.ended()
    assert code == 0, run.text[-3000:]
    logs = sorted(directory.records.glob("worker.log*"))
    size = sum(log.stat().st_size for log in logs)
    assert size < MOST_LOG, f"{size} bytes of log"
    assert size > 8_000_000, "the log keeps head and tail"
    assert run.peak < MOST_MEMORY, f"the supervising process grew to {run.peak} bytes"
    assert "owned" not in run.text, "nothing a worker prints reaches the terminal"
    assert "\x1b[?1049h" not in run.text
    assert not re.search("x{50}|y{50}", run.text)
    name = f"prints 1.2 GB: log {size / 1e6:.0f} MB, memory {run.peak / 1e6:.0f} MB"
    return [
        Row(
            name,
            answered_of(directory),
            on_disk(directory),
            len(place.left()),
            code,
            same_results(directory, reference),
        )
    ]


@fault("a clock that is set back")
def clock_set_back(place: Place) -> list[Row]:
    reference = place.merged()
    folder = place.root / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_CLOCK)
    clock = {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}

    run = place.run("merged", env=clock | {"FAULT": "sleeps:score 1004"}, timeout="8s")
    directory = run.newest_run()
    code = run.ended()
    assert code == 3, run.text
    times = [event.t for event in events_of(directory)]
    assert min(times) < times[0] - 80_000, "the clock did go back"
    before, answered = on_disk(directory), answered_of(directory)

    pause = place.pause(at=50)
    run = place.run("merged", env=clock | pause.env, timeout="60s")
    run.paused(pause)
    other = place.run("merged")
    assert other.ended() == 1
    assert "being benchmarked already" in other.text, "a clock set back makes nobody else take the run over"
    listed = place.start("runs")
    assert listed.ended() == 0
    assert "running" in listed.text, listed.text
    pause.release()
    assert run.ended() == 0, run.text
    assert len([e for e in events_of(directory) if isinstance(e, WorkerStarted)]) == 2
    assert not [e for e in events_of(directory) if isinstance(e, Decision) and e.what == "memory"]
    return [
        Row("clock set back by a day", answered, before, len(place.left()), code, same_results(directory, reference))
    ]
