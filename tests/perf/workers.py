"""What two workers of one thread each gain over one, and what they cost in processor time.

    BENCHTUI_TEST_REAL=FOLDER python -m tests.perf.workers [DOCUMENTS]

The model is a real instruct model of 135M parameters, which `make real` makes; the tasks are the demo's, so many
documents of each (24), made where the demo has fewer. Each task is measured by itself, then both in one run. Rate:
documents a second from the moment that all workers are ready until the last answer. Processor time: of the workers
alone, from their start to their end (with loading and prompts, which each of them does), and without what they take
with one document, which is starting. Forward passes are counted as the runs' own results do, without the first of each
kind. Exits with 1 where two workers are less than 1.8 times as fast, or take more than 1.1 times the processor time of
one beside starting. Two idle cores are needed for the times; the passes are the same on a busy machine, but for few.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
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
    print(f"load before: {os.getloadavg()[0]:.1f}")
    measured = [_compared(tasks, documents) for tasks in ((KNOWLEDGE,), (INSTRUCTIONS,), (KNOWLEDGE, INSTRUCTIONS))]
    return int(not all(measured))


def _compared(tasks: tuple[str, ...], documents: int) -> bool:
    """Measure and print; whether two workers gain what they should at no more than they may cost."""
    with tempfile.TemporaryDirectory() as folder:
        one, start_one = (_measured(Path(folder), 1, tasks, number) for number in (documents, 1))
        two, start_two = (_measured(Path(folder), 2, tasks, number) for number in (documents, 1))
    faster = two.rate / one.rate
    whole = two.processor / one.processor
    beside = (two.processor - start_two.processor) / (one.processor - start_one.processor)
    print(f"{', '.join(tasks)}, {documents} documents each")
    print(f"  one worker {one.rate:.2f} documents/s, two {two.rate:.2f}: {faster:.2f} times")
    print(f"  processor time {one.processor:.1f} s and {two.processor:.1f} s: {whole:.2f} times; ", end="")
    print(f"starting {start_one.processor:.1f} s and {start_two.processor:.1f} s; without it {beside:.2f} times")
    print(f"  one worker: {one.passes()}")
    print(f"  two workers: {two.passes()}", flush=True)
    return faster >= FASTER and beside <= MORE


def _measured(folder: Path, workers: int, tasks: tuple[str, ...], documents: int) -> Measured:
    home = Path(tempfile.mkdtemp(dir=folder))
    model = home / "outputs" / "m"
    model.mkdir(parents=True)
    make_tasks(home / "tasks", documents)
    for file in filter(Path.is_file, (Path(os.environ["BENCHTUI_TEST_REAL"]) / NAME).iterdir()):
        placed(file, model)
    place = Place(home, ("--tasks", ",".join(tasks), "--limit", str(documents), "--dtype", "float32"), LONGEST)
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
    return Measured(ended - began, len(tasks) * documents, sum(meter.seconds.values()), reading, writing)


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
