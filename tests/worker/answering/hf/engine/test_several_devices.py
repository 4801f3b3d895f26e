"""A model on several devices, or partly on a disk, answers as it does in one place."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.spread import input_device, is_spread, layers_by_device, on_disk, waiting_weights
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from tests.worker.answering.hf.engine import exam
from tests.worker.answering.hf.engine.asking import Watcher, ask, fast_model, lm_eval_engine
from tests.worker.tiny_models import make_base

KINDS = [exam.knowledge(), exam.endings(20), exam.sums(), exam.instructions(), exam.passages()]
PLAIN = {"device": "cpu", "dtype": "float32", "batch_size": 4}


def parts(embedding: str) -> dict[str, str]:
    names = ("model.embed_tokens", "model.rotary_emb", "model.layers.0", "model.layers.1", "model.norm", "lm_head")
    waiting = {"model.layers.1", "lm_head"} | ({"model.embed_tokens"} if embedding == "disk" else set())
    return {name: "disk" if name in waiting else "cpu" for name in names}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("model") / "base")


@pytest.mark.parametrize("embedding", ["cpu", "disk"])
def test_weights_that_wait_on_a_disk_answer_as_those_in_memory(folder: Path, embedding: str, tmp_path: Path) -> None:
    spread: dict[str, Any] = {
        "parallelize": True,
        "device_map": parts(embedding),
        "max_cpu_memory": "1GiB",
        "offload_folder": str(tmp_path),
    }
    for make in (fast_model, lm_eval_engine):
        plain, lm = make(pretrained=str(folder), **PLAIN), make(pretrained=str(folder), **PLAIN, **spread)
        model = model_of(lm)
        assert is_spread(model)
        assert waiting_weights(model)
        assert on_disk(model) == (3 if embedding == "disk" else 2)
        assert input_device(model) == torch.device("cpu")
        assert layers_by_device(model).total() == 2
        lm.observer = watcher = Watcher()
        for requests in KINDS:
            assert_same(ask(lm, requests), ask(plain, requests))
        assert not [choice for what, choice, _ in watcher.decisions if what == "engine"]


def test_no_adapter_is_put_on_weights_that_are_not_there(folder: Path, tmp_path: Path) -> None:
    spread = {"device_map": parts("cpu"), "max_cpu_memory": "1GiB", "offload_folder": str(tmp_path)}
    with pytest.raises(BenchtuiError, match="waits outside"):
        fast_model(pretrained=str(folder), peft="some/adapter", parallelize=True, **PLAIN, **spread)


def model_of(lm: LmEvalModel) -> Any:
    assert isinstance(lm.answering, HFAnswering)
    return lm.answering.lm.model


def assert_same(given: list[Any], expected: list[Any]) -> None:
    for one, other in zip(given, expected, strict=True):
        assert one == (other if isinstance(other, str) else pytest.approx(other, abs=1e-5))


def test_nothing_is_computed_with_tensors_of_two_devices() -> None:
    """What ends a run on two GPUs: the engine's caches, masks and places on another device than a layer's."""
    command = [sys.executable, "-m", "tests.worker.answering.hf.engine.two_devices"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "done", done.stderr[-2000:]


def test_memory_of_each_device_counts_for_what_it_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the layers where little is free, the others where much is: the little limits what fits."""
    lm = fast_model(pretrained=str(folder), **PLAIN)
    backbone = Backbone(model_of(lm))
    free = {torch.device("cuda", 0): 1000, torch.device("cuda", 1): 9000}
    monkeypatch.setattr(batching, "free_memory", free.__getitem__)
    monkeypatch.setattr(batching, "layers_by_device", lambda _: Counter(dict(zip(free, (1, 3), strict=True))))
    assert batching._free_for_passes(backbone.causal) == 1000
    assert batching.free_for_caches(backbone) == 4000


def test_a_model_in_one_place_is_what_it_was(folder: Path) -> None:
    lm = fast_model(pretrained=str(folder), **PLAIN)
    model = model_of(lm)
    assert not is_spread(model)
    assert not waiting_weights(model)
    assert layers_by_device(model) == Counter([torch.device("cpu")])
    requests: list[Instance] = exam.knowledge()
    assert len(ask(lm, requests)) == len(requests)
