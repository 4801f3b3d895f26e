"""Run directories with events as a worker and its supervisor write them, told at a chosen pace."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchtui.models.source import FolderSource, HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings, Role
from benchtui.plans.plan import write_plan
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress, Scores
from benchtui.runs.live_score import LiveScore
from benchtui.runs.records import DoneRecord, LaunchRecord, Process, Status, this_process, write_record
from benchtui.tasks.suites import TaskPlan

T0 = 1_795_200_000.0
LEAVES = {
    "ifeval": ("ifeval",),
    "gsm8k": ("gsm8k",),
    "mmlu": ("mmlu_anatomy", "mmlu_virology", "mmlu_astronomy"),
}
SIZES = {"ifeval": 541, "gsm8k": 1319, "mmlu_anatomy": 100, "mmlu_virology": 200, "mmlu_astronomy": 100}
METRICS = {"ifeval": "prompt_level_strict_acc", "gsm8k": "exact_match"}


def make_run(
    folder: Path,
    role: Role = "fine-tuned",
    *,
    model: str = "my-llama",
    leaves: Mapping[str, Sequence[str]] = LEAVES,
    suite: str | None = "full",
    bench_id: str = "bench",
    base: str = "meta-llama/Llama-3.2-1B",
) -> RunDirectory:
    run = RunDirectory(folder)
    source = HubSource(base, "identity") if role == "base" else FolderSource(str(folder / "merged_16bit"), "identity")
    plan = BenchmarkPlan(
        model_name=model,
        role=role,
        source=source,
        tasks=tuple(TaskPlan(name) for name in leaves),
        prompts=PromptSettings(),
        bench_id=bench_id,
        created="2026-11-20T10:30:15+00:00",
        suite=suite,
        leaves={name: tuple(members) for name, members in leaves.items()},
    )
    write_plan(run.plan_file, plan)
    return run


def make_bench(outputs: Path, model: str = "my-llama") -> tuple[RunDirectory, RunDirectory]:
    """A base and a fine-tuned run as `benchtui run` lays them out, neither started."""
    benchmarks = outputs / model / "benchmarks"
    base = make_run(benchmarks / "base", "base", model=model, bench_id=f"bench-{model}")
    tuned = make_run(benchmarks / "fine-tuned" / "2026-11-20T10-30-15", model=model, bench_id=f"bench-{model}")
    return base, tuned


def launch(run: RunDirectory, t: float = T0, supervisor: Process | None = None) -> None:
    """As if this process (or another) had taken the run up."""
    write_record(run.launch, LaunchRecord(supervisor or this_process(), t, run.plan().bench_id))


def dead_process() -> Process:
    """A process that is certainly gone: our own number, an hour before we began."""
    return Process(os.getpid(), psutil.Process().create_time() - 3600, socket.gethostname())


def finish(run: RunDirectory, status: Status = "finished", message: str = "", t: float | None = None) -> None:
    end = time.time() if t is None else t
    results = "results_x.json" if status in ("finished", "partial") else None
    total = 50 if results else 100
    record = DoneRecord(
        status, message, end, answered=50, total=total, results=results, documents=50, documents_total=total
    )
    write_record(run.done, record)


class Story:
    """Writes a run's events with times of its own: every telling moves the clock, so a test waits for nothing."""

    def __init__(self, run: RunDirectory, t: float = T0) -> None:
        self.run = run
        self.t = t
        self._writer = ev.EventWriter(run.events)
        self._tokens = 0

    def tell(self, *events: ev.Event, after: float = 0.0) -> Story:
        import msgspec

        self.t += after
        for event in events:
            self._writer.emit(msgspec.structs.replace(event, t=self.t))
        return self

    def start(self, attempt: int = 1) -> Story:
        self.tell(ev.WorkerStarted(pid=4711, attempt=attempt))
        self.tell(ev.Phase(name="starting", detail="importing lm-eval and PyTorch"), after=1)
        return self.tell(ev.Phase(name="loading task"), after=2)

    def load(self, sizes: Mapping[str, int] = SIZES) -> Story:
        self.tell(ev.Phase(name="loading model", detail="meta-llama/Llama-3.2-1B"), after=3)
        self.tell(ev.Decision(what="device", choice="cuda:0", why="one NVIDIA GPU"), after=4)
        self.tell(ev.Decision(what="dtype", choice="bfloat16", why="the device has it"))
        self.tell(ev.Decision(what="batch size", choice="16", why="3.4 GB free"))
        return self.tell(Planned(tasks=[PlannedTask(n, s, 0, 0, "multiple_choice") for n, s in sizes.items()]))

    def open_task(self, task: str, total: int | None = None, restored: int = 0) -> Story:
        self.tell(ev.Phase(name="building prompts", task=task))
        self.tell(ev.Phase(name="evaluating", task=task), after=0.5)
        return self.progress(task, restored, total, after=0)

    def progress(self, task: str, done: int, total: int | None = None, *, after: float = 1.0) -> Story:
        total = SIZES[task] if total is None else total
        return self.tell(
            Progress(task=task, documents=done, documents_total=total, requests=4 * done, requests_total=4 * total),
            after=after,
        )

    def tokens(self, number: int, *, after: float = 1.0) -> Story:
        self._tokens += number
        return self.tell(ev.Advance(unit="tokens", done=self._tokens), after=after)

    def score(self, task: str, value: float, n: int, *, final: bool = False) -> Story:
        error = math.sqrt(value * (1 - value) / (n - 1)) if n > 1 else None
        score = LiveScore(METRICS.get(task, "acc"), "none", value, error, n)
        return self.tell(Scores(task=task, scores=[score], final=final))

    def whole_task(self, task: str, value: float, *, seconds: float = 60.0) -> Story:
        total = SIZES[task]
        self.open_task(task)
        for part in (1, 2, 3, 4):
            self.progress(task, total * part // 4, after=seconds / 4)
        self.tell(ev.Phase(name="scoring", task=task))
        return self.score(task, value, total, final=True)

    def end(self, file: str = "results_x.json") -> Story:
        return self.tell(ev.Phase(name="writing"), ev.Results(file=file), ev.Done(status="finished"))
