"""Measure the speed of a model: a few documents of each task, in a folder that is deleted afterwards."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchtui.backends.hybrid import LARGE
from benchtui.errors import BenchtuiError
from benchtui.files import BENCHMARKS
from benchtui.interpreter import this_python
from benchtui.models.layout import TrainedModel
from benchtui.plans.choice import Choice, model_named
from benchtui.plans.command import run_arguments
from benchtui.runs.known import known_runs
from benchtui.text import one_line
from benchtui.wizard.estimate import Speeds, run_speeds
from benchtui.wizard.launch import error_in
from benchtui.wizard.pair import said

DOCUMENTS = 4


def measure(choice: Choice, model: TrainedModel, stop: threading.Event) -> Speeds:
    """Evaluate the first documents of each task of `choice` with `model` alone; nothing of it stays.

    Takes as long as loading the model and answering four documents a task; ends early when `stop` is set.
    Raises BenchtuiError with the run's own words when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="benchtui-measure-") as folder:
        outputs = Path(folder) / "outputs"  # tasks that are made of data of one's own are written beside it
        _stand_in(model, outputs / model.path.name)
        short = replace(
            choice,
            outputs=outputs,
            compare=False,
            decide_early=None,
            limit=DOCUMENTS,
            detach=False,
            readme=False,
        )
        short = replace(short, model=model_named(short, model.path.name), more=_elsewhere(choice))
        _run(short, stop)
        speeds = Speeds({})
        for known in known_runs(outputs):
            speeds = run_speeds(known.run).preferred_to(speeds)
    return replace(speeds, source=f"a measurement of {DOCUMENTS} samples per task")


def _elsewhere(choice: Choice) -> Mapping[str, Any]:
    """The settings of `choice`, with a large model of its outputs named so that it is found from any other."""
    named = said(choice, LARGE)
    here = choice.outputs / named
    return {**choice.more, LARGE: str(here.absolute())} if named and here.is_dir() else choice.more


def _stand_in(model: TrainedModel, folder: Path) -> None:
    """Make a folder with links to everything of the model's except its benchmarks."""
    folder.mkdir(parents=True)
    for entry in model.path.iterdir():
        if entry.name != BENCHMARKS:
            (folder / entry.name).symlink_to(entry.absolute())


def _run(choice: Choice, stop: threading.Event) -> None:
    process = subprocess.Popen(
        this_python("-m", "benchtui", "run", *run_arguments(choice)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    said = bytearray()
    reader = threading.Thread(target=_drain, args=(process, said), daemon=True)
    reader.start()
    while process.poll() is None:
        if stop.wait(0.1):
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise BenchtuiError("The measurement was stopped.")
    reader.join(1)
    if process.returncode:
        error = error_in(said.decode(errors="replace"), otherwise="it said nothing")
        raise BenchtuiError(f"The measurement failed: {one_line(error.what, 300)}")


def _drain(process: subprocess.Popen[bytes], said: bytearray) -> None:
    assert process.stderr is not None  # noqa: S101 - it was opened as a pipe
    while chunk := process.stderr.read1(65536):  # type: ignore[attr-defined]
        said += chunk
        del said[:-65536]
