"""What two workers of one thread each gain over one, and what they cost in processor time.

    BENCHTUI_TEST_REAL=FOLDER [BENCHTUI_TEST_HUB=FOLDER] python -m tests.perf.workers [DOCUMENTS [TASK …]]

The model is a real instruct model of 135M parameters, which `make real` makes; so many documents (24) of each task,
one task after another: the two of the demo, made where the demo has fewer documents, or those that are named, of the
small Hub in the second folder (hellaswag). Rate:
documents a second from the moment that all workers are ready until the last answer. Processor time: of the workers
alone, from their start to their end (with loading and prompts, which each of them does), and without what they take
with one document, which is starting. Forward passes are counted as the runs' own results do, without the first of each
kind. Exits with 1 where two workers are less than 1.8 times as fast, or take more than 1.1 times the processor time of
one beside starting. Two idle cores are needed for the times; the passes are the same on a busy machine, but for few.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from tests.e2e.commands import results_in
from tests.e2e.workers.pooled_runs import Place
from tests.e2e.workers.test_real import NAME, placed
from tests.perf.made_tasks import INSTRUCTIONS, KNOWLEDGE, make_tasks

FASTER, MORE = 1.8, 1.1
LONGEST = 7200.0
"""Seconds that a run may take."""


@dataclass(frozen=True)
class Measured:
    """One run: seconds of answering, documents in them, and seconds of the workers' processor time; how many forward
    passes were measured that read prompts, and that write answers, and the tokens in each sort."""

    seconds: float
    documents: int
    processor: float
    reading: tuple[int, int]
    writing: tuple[int, int]

    @property
    def rate(self) -> float:
        return self.documents / self.seconds

    def passes(self) -> str:
        """The passes in words."""
        told = [
            f"{count:,} passes that {what}, {tokens / count:.1f} tokens each"
            for what, (count, tokens) in (("read", self.reading), ("write", self.writing))
            if count
        ]
        return " and ".join(told)


class _Meter(threading.Thread):
    """Adds up the processor time of all worker processes below this one; the last reading of each counts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[int, float] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self.ended.wait(0.05):
            for process in me.children(recursive=True):
                with suppress(psutil.Error):
                    command = process.cmdline()
                    if "benchtui.worker" in command and "--score" not in command:
                        times = process.cpu_times()
                        self.seconds[process.pid] = times.user + times.system


def main() -> int:
    if "BENCHTUI_TEST_REAL" not in os.environ:
        print("BENCHTUI_TEST_REAL names no folder: nothing is measured.")
        return 0
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    os.environ["OMP_NUM_THREADS"] = "1"
    tasks = sys.argv[2:] or (KNOWLEDGE, INSTRUCTIONS)
    print(f"load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, _hub(Path(folder)):
        enough = [_compared(Path(folder), task, documents) for task in tasks]  # all of them, whatever the first says
        return int(not all(enough))


@contextmanager
def _hub(folder: Path) -> Iterator[None]:
    """The Hub that the environment names, served while this is open, with a cache of its own."""
    if "BENCHTUI_TEST_HUB" not in os.environ:
        yield
        return
    script = Path(os.environ["BENCHTUI_TEST_HUB"]) / "serve.py"
    served = subprocess.Popen([sys.executable, str(script), "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        os.environ |= {"HF_ENDPOINT": served.stdout.readline().split()[-1], "HF_HOME": str(folder / "hub")}
        yield
    finally:
        served.terminate()
        served.wait(10)


def _compared(folder: Path, task: str, documents: int) -> bool:
    """Measure and print; whether two workers gain what they should at no more than they may cost."""
    one, start_one = (_measured(folder, 1, task, number) for number in (documents, 1))
    two, start_two = (_measured(folder, 2, task, number) for number in (documents, 1))
    faster = two.rate / one.rate
    whole = two.processor / one.processor
    beside = (two.processor - start_two.processor) / (one.processor - start_one.processor)
    print(f"{task}, {documents} documents")
    print(f"  one worker {one.rate:.2f} documents/s, two {two.rate:.2f}: {faster:.2f} times")
    print(f"  processor time {one.processor:.1f} s and {two.processor:.1f} s: {whole:.2f} times; ", end="")
    print(f"starting {start_one.processor:.1f} s and {start_two.processor:.1f} s; without it {beside:.2f} times")
    print(f"  one worker: {one.passes()}")
    print(f"  two workers: {two.passes()}", flush=True)
    return faster >= FASTER and beside <= MORE


def _measured(folder: Path, workers: int, task: str, documents: int) -> Measured:
    home = Path(tempfile.mkdtemp(dir=folder))
    model = home / "outputs" / "m"
    model.mkdir(parents=True)
    made = task in (KNOWLEDGE, INSTRUCTIONS)
    make_tasks(home / "tasks", documents if made else 1)
    for file in filter(Path.is_file, (Path(os.environ["BENCHTUI_TEST_REAL"]) / NAME).iterdir()):
        placed(file, model)
    place = Place(home, ("--tasks", task, "--limit", str(documents), "--dtype", "float32"), LONGEST, offline=made)
    meter = _Meter()
    meter.start()
    run = place.run(workers)
    meter.ended.set()
    meter.join()
    began, ended = _answering(run)
    speed = results_in(run.lm_eval)["benchtui"]["speed"]
    reading, writing = (
        (rate["measured"], rate["tokens"]) if (rate := speed[kind]) else (0, 0) for kind in ("prefill", "decode")
    )
    return Measured(ended - began, documents, sum(meter.seconds.values()), reading, writing)


def _answering(run: RunDirectory) -> tuple[float, float]:
    """When the last worker was ready, and when the last of them had answered, in seconds since the epoch."""
    if not run.shards():
        events = read_events(run.events)
        began = min(event.t for event in events if isinstance(event, ev.Phase) and event.name == "building prompts")
        ended = max(event.t for event in events if isinstance(event, ev.Phase) and event.name == "scoring")
        return began, ended
    shards = [read_events(files.events) for files in run.shards()]
    began = max(event.t for events in shards for event in events if isinstance(event, ev.WorkUnits))
    ended = max(event.t for events in shards for event in events if isinstance(event, ev.ChunkDone))
    return began, ended


if __name__ == "__main__":
    began_at = time.time()
    code = main()
    print(f"{time.time() - began_at:.0f} s")
    sys.exit(code)
