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

GGUF = ("--backend", "gguf", "--threads", "1", "--offline")


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


@fault("GGUF: the file is cut short while it is read", long_only=True)
def cut_short(place: Place) -> list[Row]:
    """llama.cpp reads the file through the page cache: what is cut off is gone for the worker as well."""
    reference = with_gguf(place)
    file = place.outputs / "gguf" / "gguf" / "tiny.Q8_0.gguf"
    whole = file.read_bytes()
    pause = place.pause(20)
    run = place.run("gguf", backend=GGUF, env=pause.env)
    directory = run.paused(pause)
    os.truncate(file, len(whole) // 3)
    pause.release()
    code = run.ended()
    assert code == 3, run.text
    assert "signal SIGBUS" in run.text
    assert "A file that it was reading was cut short" in " ".join(run.text.split())
    rows = [row("GGUF cut short under the worker", run, directory, code)]
    run = place.resume()
    assert run.ended() != 0
    assert "tiny.Q8_0.gguf is cut short" in run.text
    assert "Traceback" not in run.text
    file.write_bytes(whole)
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score(rows, same_results(directory, reference))
