"""Runs of two tiny models that write by turns, made and worked on in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.plans.switching import SwitchingPlan
from benchtui.plans.tokens import GivenText, GivenTexts, TokenModel
from benchtui.routing.records import Sampling
from benchtui.routing.switching_file import FILE, FOLDER, SwitchingFile, read_switching
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.worker.guard import StopFlag
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter
from benchtui.worker.switching.session import work
from tests.worker.tiny_models import make_base

PROMPTS = ("the quick brown", "and counts to ten while the cat", "a", "the lazy dog")


def make_pair(folder: Path, noise: float = 0.03) -> tuple[Path, Path]:
    """A random Llama, and the same with noise on its weights."""
    from transformers import AutoModelForCausalLM

    first, second = make_base(folder / "first"), make_base(folder / "second")
    network = AutoModelForCausalLM.from_pretrained(second)
    torch.manual_seed(11)
    with torch.no_grad():
        for weight in network.parameters():
            weight += noise * torch.randn_like(weight)
    network.save_pretrained(second)
    return first, second


def make_run(run: Path, models: Sequence[Path], prompts: Sequence[str] = PROMPTS, **plan: Any) -> RunDirectory:
    """A run with its plan."""
    made = RunDirectory(run)
    more = {"threshold": 0.06, "back": 0.05, "sampling": Sampling(max_new_tokens=30)} | plan
    write_plan(
        made.plan_file,
        SwitchingPlan(
            model_name="first",
            bench_id="b",
            created="2026-11-28T00:00:00+00:00",
            device="cpu",
            offline=True,
            models=tuple(
                TokenModel(
                    label=path.name,
                    source=FolderSource(str(path), "digest", "full"),
                    prompts=PromptSettings(dtype="float32"),
                    backend="hf",
                )
                for path in models
            ),
            texts=GivenTexts("prompts", tuple(GivenText(prompt) for prompt in prompts)),
            **more,
        ),
    )
    return made


def do(run: RunDirectory) -> SwitchingFile:
    """Let a worker in this process write, and read what it wrote."""
    work(WorkerProcess(StopFlag(), LibraryListener(Reporter(EventWriter(run.events)))), [run])
    return written(run)


def written(run: RunDirectory) -> SwitchingFile:
    return read_switching(run.path / FOLDER / FILE)


def seed_facts(file: SwitchingFile) -> dict[str, Any]:
    """Return what is in the file in the words of RL_onoff's switch_generate alone."""
    facts: dict[str, Any] = msgspec.to_builtins(file)
    del facts["benchtui"]
    keys = ("question", "response", "num_switches", "switch_points", "error")
    facts["results"] = [{key: line[key] for key in keys if key in line} for line in facts["results"]]
    return facts
