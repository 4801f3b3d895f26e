"""A quantised GGUF file: its scores depend on what is computed together, so a break must change nothing."""

from __future__ import annotations

import importlib.util
import os
import random
import signal

from benchtui.runs.directory import RunDirectory
from tests.conftest import absent
from tests.e2e.faults.drive import Place, Running, done_record, same_results
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault

GGUF = ("--backend", "gguf", "--threads", "1")


@fault("GGUF: SIGKILL of the worker at three moments, of the supervisor, of both")
def killed_five_times(place: Place) -> list[Row]:
    """One run, struck again each time it is resumed; every log-likelihood and text is the same to the last bit."""
    reference = with_gguf(place)
    draw = random.Random()  # noqa: S311 - another night, other moments
    first, second, third, fourth, fifth = sorted(draw.sample(range(2, 70), 5))
    rows = []
    directory: RunDirectory | None = None
    for number, at in enumerate((first, second, third)):
        run, directory, worker = _paused(place, at, resume=number > 0)
        os.kill(worker, signal.SIGKILL)
        code = run.ended()
        assert code == 3, run.text
        assert done_record(directory).results, "what was answered is scored"
        rows.append(row("SIGKILL of the worker", run, directory, code))
    for at, both in ((fourth, False), (fifth, True)):
        run, directory, worker = _paused(place, at, resume=True)
        run.send(signal.SIGKILL)
        if both:
            os.kill(worker, signal.SIGKILL)
        run.ended()
        name = "SIGKILL of both" if both else "SIGKILL of the supervisor"
        rows.append(row(name, run, directory, "SIGKILL"))
    run = place.resume()
    assert run.ended() == 0, run.text
    assert directory is not None
    assert place.runs("gguf") == [directory]
    return with_score(rows, same_results(directory, reference))


def with_gguf(place: Place) -> RunDirectory:
    """The file in outputs; the uninterrupted run to compare with."""
    if importlib.util.find_spec("llama_cpp") is None:
        absent("gguf", "llama-cpp-python is not installed")
    place.add(place.workshop.gguf, "gguf")
    return place.references.place("gguf", backend=GGUF).runs("gguf")[0]


def _paused(place: Place, at: int, *, resume: bool) -> tuple[Running, RunDirectory, int]:
    """A run that waits at its `at`-th document, its directory and its worker."""
    pause = place.pause(at)
    run = place.resume(env=pause.env) if resume else place.run("gguf", backend=GGUF, env=pause.env)
    directory = run.paused(pause)
    return run, directory, run.worker(directory)
