"""What the wizard advises of batch sizes is what the engines of the hf backend do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoConfig

from benchtui.backends.backend import BatchAdvice, Machine
from benchtui.backends.hf import HF
from benchtui.backends.hf_batch import cache_bytes_per_token, choose_batch
from benchtui.models.describe import describe
from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.batching import RequestedBatch, rows_at_once, token_budget
from tests.e2e.tiny import make_tiny_model

GB = 10**9


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_tiny_model(folder)
    return folder


def advice(model: Path, free: int, engine: str = "fast", device: str = "cpu") -> BatchAdvice:
    described = describe(model)
    width = 4 if device == "cpu" else 2
    machine = Machine(device, free + (described.parameters or 0) * width)
    found = HF.advise(described, machine, max_length=None, settings={"engine": engine})
    assert found is not None
    return found


def backbone_of(config: Any) -> Any:
    """What sizes go by of a model that is loaded on the processor."""
    place = torch.device("cpu")
    return SimpleNamespace(device=place, config=config, dtype=torch.float32, causal=SimpleNamespace(device=place))


@pytest.mark.parametrize("free", [16 * GB, 2_000_000, 40_000, 0])
def test_the_fast_engine_generates_as_many_texts_at_a_time(
    model: Path, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "free_memory", lambda _: free)
    config = AutoConfig.from_pretrained(model)
    backbone = backbone_of(config)
    longest = int(config.max_position_embeddings)
    cache = cache_bytes_per_token(config, 4)
    rows, _ = rows_at_once(backbone, RequestedBatch(None, longest), cache)
    found = advice(model, free)
    assert f" and {rows} answers generated at a time" in found.why
    assert rows_at_once(backbone, RequestedBatch(found.size, longest), cache)[0] == rows
    if found.size > 1 and found.fits > rows:
        assert rows_at_once(backbone, RequestedBatch(found.size // 2, longest), cache)[0] < rows


def test_the_fast_engine_fills_a_forward_pass_with_as_many_tokens(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "free_memory", lambda _: 16 * GB)
    config = AutoConfig.from_pretrained(model)
    backbone = backbone_of(config)
    tokens, _ = token_budget(backbone, RequestedBatch(None, 100))
    assert f"up to {tokens:,} tokens per forward pass" in advice(model, 16 * GB).why


def test_the_suggested_size_is_the_smallest_that_does_what_automatic_does(model: Path) -> None:
    assert advice(model, 16 * GB).size == 8
    assert advice(model, 16 * GB, device="cuda").size == 32
    assert advice(model, 0).size == 1


def test_lm_evals_model_takes_what_is_advised(model: Path) -> None:
    config = AutoConfig.from_pretrained(model)
    taken = choose_batch(
        config, device="cpu", free=16 * GB, max_length=int(config.max_position_embeddings), element_bytes=4
    )
    assert advice(model, 16 * GB, engine="lm-eval").size == taken.size == 16
