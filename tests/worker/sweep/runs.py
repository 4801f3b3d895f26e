"""Sweeps of the demo's pair, planned as the command plans them and worked on in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchtui.backends.registry import find_backend
from benchtui.benchmark.sweep import sweep_plan
from benchtui.demo.workspace import demo_paths
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.plan import write_plan
from benchtui.plans.prepare import prepare
from benchtui.plans.sweep import read_thresholds
from benchtui.plans.tasks import plan_tasks
from benchtui.routing.sweeps.records import Sweep, read_sweep
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import load_catalogue
from benchtui.worker.guard import StopFlag
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter
from benchtui.worker.sweep.session import work
from tests.worker.answering.hybrid.demo_pair import LARGE, SMALL

CHOICES, TEXTS = "demo_knowledge", "demo_instructions"


def make_run(
    folder: Path,
    *tasks: str,
    thresholds: str = "0.2,0.5,p70",
    limit: int = 10,
    models: Any = (SMALL, LARGE),
    **own: str,
) -> RunDirectory:
    """A run with its plan; `own` are settings of the hybrid backend."""
    default = Choice(outputs=folder / "outputs")
    choice = Choice(
        outputs=folder / "outputs", model=str(models[0]), backend="hybrid", compare=False, tasks=tasks, limit=limit,
        include_paths=(demo_paths().tasks,), dtype="float32", device="cpu", offline=True,
        more={**default.more, "large": str(models[1]), **own},
    )  # fmt: skip
    backend = find_backend("hybrid")
    model = backend.find(choice.outputs, choice.model, access_of(choice, backend))
    planned = plan_tasks(choice, Config(), load_catalogue(choice.include_paths))
    plan = sweep_plan(prepare(choice, model, planned).fine_tuned, read_thresholds(thresholds), ())
    run = RunDirectory(folder / "run")
    write_plan(run.plan_file, plan)
    return run


def do(run: RunDirectory) -> Sweep:
    """Let a worker in this process do what is left, and read what it wrote."""
    work(process(run), [run])
    return read_sweep(run.path)


def process(run: RunDirectory) -> WorkerProcess:
    return WorkerProcess(StopFlag(), LibraryListener(Reporter(EventWriter(run.events))))


@contextmanager
def counted_passes() -> Iterator[dict[int, list[int]]]:
    """The positions of every forward pass through the first layer of each model, by how many layers a model has."""
    from transformers.models.llama.modeling_llama import LlamaModel

    seen: dict[int, list[int]] = {}
    original = LlamaModel.__init__

    def build(self: Any, config: Any, *more: Any, **named: Any) -> None:
        original(self, config, *more, **named)
        counts = seen.setdefault(config.hidden_size, [])
        self.layers[0].register_forward_pre_hook(
            lambda _, args: counts.append(int(torch.tensor(args[0].shape[:2]).prod()))
        )

    LlamaModel.__init__ = build
    try:
        yield seen
    finally:
        LlamaModel.__init__ = original
