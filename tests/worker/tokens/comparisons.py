"""Comparisons of tiny real models token by token, in this process or by a real worker."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import GivenText, GivenTexts, TokenModel, TokensPlan, reference_pairs
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.tokens.store import STORE, DistributionStore
from benchtui.worker.answering.hf.load import construct  # noqa: F401
from benchtui.worker.guard import StopFlag
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.session import work

TEXTS = (
    GivenText("the quick brown fox", " jumps over the lazy dog"),
    GivenText("the cat sleeps", " in the warm sun all day and counts to ten"),
    GivenText("counts to ten a b", " all day"),
    GivenText("the lazy dog and the quick brown fox"),
)


def perturbed(model: Path, to: Path, *, noise: float = 0.02, seed: int = 1, heads: bool = True) -> Path:
    """A copy of a model folder with noise on all matrices."""
    shutil.copytree(model, to)
    generator = torch.Generator().manual_seed(seed)
    tensors = load_file(to / "model.safetensors")
    changed = {
        name: tensor + noise * torch.randn(tensor.shape, generator=generator).to(tensor)
        if tensor.dim() > 1 and (heads or "lm_head" not in name)
        else tensor
        for name, tensor in tensors.items()
    }
    save_file(changed, to / "model.safetensors", {"format": "pt"})
    return to


def plan_of(
    models: Mapping[str, Path],
    texts: Sequence[GivenText] = TEXTS,
    *,
    prompts: PromptSettings | None = None,
    **more: Any,
) -> TokensPlan:
    named = tuple(
        TokenModel(
            label=label,
            source=FolderSource(path=str(path), identity=label),
            prompts=prompts or PromptSettings(dtype="float32"),
            backend="hf",
        )
        for label, path in models.items()
    )
    facts: dict[str, Any] = {"pairs": reference_pairs(len(named)), "device": "cpu", **more}
    return TokensPlan(
        model_name="tuned",
        bench_id="b",
        created="2026-11-20T10:30:15+00:00",
        models=named,
        texts=GivenTexts("texts of the test", tuple(texts)),
        **facts,
    )


def new_run(outputs: Path, plan: TokensPlan, second: int = 15) -> RunDirectory:
    run = RunDirectory(outputs / "tuned" / "tokens" / f"2026-11-20T10-30-{second:02}")
    write_plan(run.plan_file, plan)
    return run


def compare(run: RunDirectory) -> DistributionStore:
    """Do what a worker does, in this process."""
    reporter = Reporter(EventWriter(run.events))
    work(WorkerProcess(StopFlag(), LibraryListener(reporter)), [run])
    return DistributionStore(run.path / STORE)


def files_of(run: RunDirectory) -> dict[str, bytes]:
    """Every file of the store."""
    folder = run.path / STORE
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
