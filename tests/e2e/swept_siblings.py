"""Sweeps of a real model of 135M parameters with a sibling of fewer layers, and what they took."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.routing.sweeps.records import Sweep, SweptTask, read_sweep
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal
from benchtui.worker.sweep.records import SweptAnswers
from tests.e2e.commands import benchtui
from tests.e2e.siblings import make_sibling

NINE = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9"
MODEL = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Steps:
    """Sequential calls of both models together for the texts of a task: in the sweep, which evaluates both alone too,
    and in nine runs, one at each threshold."""

    swept: int
    separate: int

    @property
    def share(self) -> float:
        return self.swept / self.separate


def place_models(folder: Path, real: Path, layers: int) -> Path:
    """The model and its sibling in one folder; returns the sibling."""
    link = folder / MODEL
    if not link.exists():
        link.symlink_to(real / MODEL, target_is_directory=True)
    return make_sibling(link, folder / f"sibling-{layers}", layers)


def sweep(folder: Path, small: Path, env: dict[str, str], *flags: str) -> tuple[RunDirectory, Sweep]:
    """Sweep over nine thresholds."""
    done = benchtui(
        "hybrid", "sweep", "--small", small.name, "--large", MODEL, "--thresholds", NINE, "--dtype", "float32",
        "--device", "cpu", *flags, cwd=folder, env=env, timeout=2400,
    )  # fmt: skip
    assert done.code == 0, done.err
    run = RunDirectory(max((folder / "outputs" / f"{small.name}+{MODEL}" / "sweeps").iterdir()))
    return run, read_sweep(run.path)


def evaluate(folder: Path, model: str, env: dict[str, str], *flags: str) -> None:
    """Benchmark one model alone."""
    done = benchtui(
        "run", "--model", model, "--no-base", "--no-readme", "--no-resume", "--dtype", "float32", "--device", "cpu",
        *flags, cwd=folder, env=env, timeout=2400,
    )  # fmt: skip
    assert done.code == 0, done.err


def steps(run: RunDirectory, task: SweptTask) -> Steps:
    """What the journal counts, and what nine runs would take."""
    with Journal(run.journal, read_only=True) as journal:
        found = [
            msgspec.convert(answer, SweptAnswers)
            for key, (_, answer) in journal.answers(task.task).items()
            if key.repeat == 2
        ]
    separate = sum(sum(amounts["calls"]) for amounts in (*task.small, *task.large))
    return Steps(sum(each.small[0] + each.large[0] for each in found), int(separate))


def processor_seconds() -> float:
    """Of all processes that ended, and that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
