"""The memory on an accelerator that is told of two models: of both together, or of neither."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchtui.models.source import FolderSource, HybridPart, HybridSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from tests.worker.answering.hybrid.asked import together
from tests.worker.switching.pairs import Pair, opened_pair

PART = HybridPart("hf", FolderSource(path="/models/one", identity="1", format="merged_16bit"))
PLAN = LoadPlan(
    "hybrid", HybridSource(path="a + b", identity="2", format="pair", small=PART, large=PART), PromptSettings()
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("memory")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("small", "large", "told"),
    [
        ("cpu", "cpu", None),
        ("cuda:0", "cuda:0", 700),
        ("cuda:0", "cpu", 700),
        ("cuda:0", "mps", None),
        ("mps", "cuda:0", None),
    ],
)
def test_it_is_of_both_or_not_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, small: str, large: str, told: int | None
) -> None:
    """PyTorch counts what the process holds on a CUDA device, whichever model asks, and nothing of an mps device."""
    both = together(pair, strategy="small")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: {"cuda:0": 700}[str(device)])
    for model, device in ((both.small, small), (both.large, large)):
        monkeypatch.setattr(model, "_device", device)
        monkeypatch.setattr(type(model), "_devices", property(lambda self: [torch.device(self._device)]))
    assert HybridAnswering(both, PLAN).peak_device_memory == told
