"""A worker uses what its supervisor gives it of the machine: the threads, and the device by its real name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from benchtui.errors import BenchtuiError
from benchtui.gpus import Gpu
from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.supervise.placement import placements
from benchtui.worker.answering.hf.load import choose_device

ASK = "import torch; print(torch.get_num_threads())"


def plan(device: str) -> LoadPlan:
    return LoadPlan("hf", FolderSource("model", "identity"), PromptSettings(), device)


@pytest.mark.parametrize(("cores", "workers", "models", "threads"), [(4, 2, 1, 2), (4, 2, 2, 1)])
def test_torch_computes_with_the_threads_that_a_worker_is_given(
    cores: int, workers: int, models: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("benchtui.supervise.placement.usable_cores", lambda: cores)
    given = placements(workers, models=models)[0].environment
    told = subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, **given}, capture_output=True, text=True, check=True
    )
    assert int(told.stdout) == threads


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_the_device_has_its_name_outside_the_worker(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (placed,) = placements(1, [Gpu(1, "3", title="NVIDIA H100")])
    for name, value in placed.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(plan(device)) == ("cuda", "GPU 1 (NVIDIA H100)")


def test_a_gpu_that_the_driver_lists_and_torch_cannot_use_is_no_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BenchtuiError, match="PyTorch sees no GPU here"):
        choose_device(plan("cuda"))
