"""The script that made the models: it learns, it repeats itself, and it leaves what a fine-tuning run leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from benchtui.demo.train import SMALL_SIZE, fine_tune, train_base
from benchtui.demo.workspace import BASE_NAME, MODEL_NAME, SMALL_NAME, demo_paths


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    history = train_base(folder / "models" / BASE_NAME, rounds=3)
    assert history[-1].loss < 0.8 * history[0].loss
    train_base(folder / "models" / SMALL_NAME, rounds=1, size=SMALL_SIZE)
    fine_tune(folder / "models" / BASE_NAME, folder / "outputs" / MODEL_NAME, examples=160)
    return folder


def test_it_leaves_the_files_that_are_shipped(trained: Path) -> None:
    shipped = demo_paths().shipped
    assert {path.relative_to(trained) for path in trained.rglob("*")} == {
        path.relative_to(shipped) for path in shipped.rglob("*")
    }


def test_the_small_model_is_a_fifth_of_the_base_and_has_its_tokens() -> None:
    models = demo_paths().shipped / "models"
    small, base = (load_file(models / name / "model.safetensors") for name in (SMALL_NAME, BASE_NAME))
    sizes = [sum(weight.numel() for weight in weights.values()) for weights in (small, base)]
    assert 0.15 < sizes[0] / sizes[1] < 0.2
    tokenizers = [(models / name / "tokenizer.json").read_bytes() for name in (SMALL_NAME, BASE_NAME)]
    assert tokenizers[0] == tokenizers[1]


def test_training_again_gives_the_same_weights(trained: Path, tmp_path: Path) -> None:
    fine_tune(trained / "models" / BASE_NAME, tmp_path, examples=160)
    first = load_file(trained / "outputs" / MODEL_NAME / "lora" / "adapter_model.safetensors")
    second = load_file(tmp_path / "lora" / "adapter_model.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_merged_weights_are_the_base_and_the_adapter(trained: Path) -> None:
    model = trained / "outputs" / MODEL_NAME
    base = load_file(trained / "models" / BASE_NAME / "model.safetensors")
    merged = load_file(model / "merged_16bit" / "model.safetensors")
    adapter = load_file(model / "lora" / "adapter_model.safetensors")
    scale = 32 / 16  # lora_alpha / r
    for name, weight in base.items():
        lora = f"base_model.model.{name.removesuffix('.weight')}"
        change = torch.zeros_like(weight, dtype=torch.float32)
        if f"{lora}.lora_A.weight" in adapter:
            change = scale * adapter[f"{lora}.lora_B.weight"] @ adapter[f"{lora}.lora_A.weight"]
            assert change.abs().max() > 0
        torch.testing.assert_close(merged[name].float(), weight.float() + change, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("where", ["trained here", "shipped"])
def test_the_records_agree_with_each_other(trained: Path, where: str) -> None:
    lora = (trained if where == "trained here" else demo_paths().shipped) / "outputs" / MODEL_NAME / "lora"
    metrics = json.loads((lora / "training_metrics.json").read_text())
    with (lora / "loss_history.csv").open() as file:
        steps = list(csv.DictReader(file))
    assert list(steps[0]) == ["step", "epoch", "loss", "learning_rate", "grad_norm"]
    assert [int(step["step"]) for step in steps] == list(range(1, metrics["total_steps"] + 1))
    assert float(steps[-1]["loss"]) == pytest.approx(metrics["final_loss"], abs=1e-6)
    assert metrics["dataset_samples"] == metrics["total_steps"] * metrics["batch_size"]
    settings = yaml.safe_load((lora / "training_params.yaml").read_text())
    adapter = json.loads((lora / "adapter_config.json").read_text())
    assert (adapter["r"], adapter["lora_alpha"]) == (metrics["lora_rank"], metrics["lora_alpha"])
    reference = settings["model"]["inference_model"]
    assert reference == metrics["model_name"] == adapter["base_model_name_or_path"]
    assert (lora.parent / reference).resolve() == (lora.parents[2] / "models" / BASE_NAME).resolve()
