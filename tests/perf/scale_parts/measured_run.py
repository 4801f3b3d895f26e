"""One real `benchtui run` with the instant backend: the driver's part of its costs, and each step of its workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.journal.journal import answered_requests

INSTANT = Path(__file__).parent / "instant"
TASK = "instant_texts"
TICK = os.sysconf("SC_CLK_TCK")
LOOK_EVERY = 0.02


@dataclass(frozen=True)
class Costs:
    """What one run took. Seconds are of the clock unless they are called processor time.

    `command`: until workers are started; `start`: from the command to the first prompt; `build`: all prompts of the
    task, in each worker; `ask`: from the first worker's first batch to the last answer; `end`: from the last answer to
    the end of the command, of which `gather` is until the scoring worker starts and `score` its time.
    """

    workers: int
    documents: int
    seconds: float
    command: float
    start: float
    build: tuple[float, ...]
    ask: float
    end: float
    gather: float
    score: float
    driver_processor: float
    driver_peak: int
    worker_processor: float
    journal: int
    events: int
    chunks: int
    load: float

    @property
    def rate(self) -> float:
        """Documents a second, while they are asked."""
        return self.documents / self.ask

    @property
    def driver_each(self) -> float:
        """Seconds of the driver's processor time for an answer."""
        return self.driver_processor / self.documents


def make_workspace(folder: Path, documents: int) -> Path:
    """A model folder (its weights are never read) and a task with so many documents, a text to be written for each."""
    from tests.e2e.tiny import make_tiny_model

    make_tiny_model(folder / "outputs" / "tuned" / "merged_16bit")
    data = folder / "tasks" / "data.jsonl"
    data.parent.mkdir()
    data.write_text(
        "".join(json.dumps({"question": f"{n * 7919 % documents} of {n}?"}) + "\n" for n in range(documents))
    )
    (data.parent / f"{TASK}.yaml").write_text(
        f"task: {TASK}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: '{{question}}'\n"
        "generation_kwargs: {until: [' '], max_gen_toks: 8}\nmetric_list:\n  - metric: exact_match\n"
    )
    return folder


def measured_run(
    folder: Path, workers: int, documents: int, *, seconds: float = 0.0, works: bool = False, batch: int = 32
) -> Costs:
    """Evaluate `documents` of a workspace, each `seconds` long. Raises AssertionError where the run is not whole."""
    command = [sys.executable, "-P", "-m", "benchtui", "run", "--outputs", folder / "outputs", "--model", "tuned"]
    command += ["--no-base", "--backend", "instant", "--tasks", TASK, "--include-path", folder / "tasks", "--no-resume"]
    command += ["--workers", str(workers), "--limit", str(documents)]
    environment = {"PYTHONPATH": str(INSTANT), "HF_HUB_OFFLINE": "1", "INSTANT_SECONDS": str(seconds)}
    environment |= {"INSTANT_WORK": "1" if works else "", "INSTANT_BATCH": str(batch), "OMP_NUM_THREADS": "1"}
    load, began = os.getloadavg()[0], time.time()
    before = set(_runs(folder))
    with (folder / "log").open("wb") as log:
        driver = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        processor, peak = 0.0, 0
        while driver.poll() is None:
            time.sleep(LOOK_EVERY)
            processor, peak = max(processor, _processor(driver.pid)), max(peak, _peak(driver.pid))
    ended = time.time()
    (run,) = set(_runs(folder)) - before
    assert driver.returncode == 0, (folder / "log").read_text()[-3000:]
    assert answered_requests(run.journal) == documents
    return _costs(run, workers, documents, began, ended, processor, peak, load)


def _costs(
    run: RunDirectory,
    workers: int,
    documents: int,
    began: float,
    ended: float,
    processor: float,
    peak: int,
    load: float,
) -> Costs:
    whole = read_events(run.events)
    shards = [read_events(files.events) for files in run.shards()] or [whole]
    building = [_first(events, "building prompts") for events in shards]
    asking = [_first(events, "evaluating") for events in shards]
    answered = max(event.t for events in shards for event in events if _is_last(event))
    scoring = [event.t for event in whole if isinstance(event, ev.Phase) and event.t > answered]
    files = list(run.records.rglob("*events.jsonl"))
    return Costs(
        workers=workers,
        documents=documents,
        seconds=ended - began,
        command=median(_started(events) for events in shards) - began,
        start=median(building) - began,
        build=tuple(ask - build for ask, build in zip(asking, building, strict=True)),
        ask=answered - min(asking),
        end=ended - answered,
        gather=min(scoring, default=answered) - answered,
        score=ended - min(scoring, default=answered),
        driver_processor=processor,
        driver_peak=peak,
        worker_processor=_children(),
        journal=run.journal.stat().st_size,
        events=sum(file.stat().st_size for file in files),
        chunks=sum(isinstance(event, ev.ChunkDone) for events in shards for event in events),
        load=load,
    )


def _runs(folder: Path) -> Sequence[RunDirectory]:
    runs = folder / "outputs" / "tuned" / "benchmarks" / "fine-tuned"
    return [RunDirectory(path) for path in runs.iterdir()] if runs.is_dir() else []


def _first(events: Sequence[ev.Event], phase: str) -> float:
    return next(event.t for event in events if isinstance(event, ev.Phase) and event.name == phase)


def _started(events: Sequence[ev.Event]) -> float:
    return next(event.t for event in events if isinstance(event, ev.WorkerStarted))


def _is_last(event: ev.Event) -> bool:
    """Whether a worker tells that it has answered all that it will; one that is alone begins to score."""
    return isinstance(event, ev.ShareDone) or (isinstance(event, ev.Phase) and event.name == "scoring")


def _processor(pid: int) -> float:
    """Seconds of processor time of one process, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _peak(pid: int) -> int:
    """The most resident memory that a process has had, in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024 * int(found[0]) if found else 0


def _children() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
