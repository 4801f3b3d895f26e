"""The base model is read from the first file that names it, and a 4-bit one gives way to its 16-bit counterpart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.backends.hf import HF
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.base import BaseChoice, find_base, resolve_base, sixteen_bit_counterpart
from benchtui.models.discovery import inspect_model
from benchtui.models.selection import choose_format
from tests.models.model_folders import adapter, full_model, llama_tensors, save, write_json


def base_of(folder: Path, flag: str | None = None, wanted: str | None = None) -> BaseChoice:
    model = inspect_model(folder)
    return resolve_base(model, choose_format(model, HF, wanted), flag)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in which every file names another base."""
    run = tmp_path / "outputs" / "run"
    adapter(run / "lora", base="from/adapter")
    full_model(run / "merged_16bit", _name_or_path="from/config")
    (run / "lora" / "training_params.yaml").write_text(
        "model:\n  base_model: from/yaml-training\n  inference_model: from/yaml-inference\n"
    )
    write_json(run / "lora" / "training_metrics.json", {"model_name": "from/metrics"})
    (run / "README.md").write_text("---\nbase_model: from/readme\n---\n# Run\n")
    return run


def test_each_source_in_its_turn(run: Path) -> None:
    assert base_of(run, flag="from/flag") == BaseChoice("from/flag", "--base")
    assert base_of(run) == BaseChoice("from/yaml-inference", "lora/training_params.yaml")
    (run / "lora" / "training_params.yaml").write_text("model:\n  base_model: from/yaml-training\n")
    assert base_of(run) == BaseChoice("from/metrics", "lora/training_metrics.json")
    (run / "lora" / "training_metrics.json").unlink()
    assert base_of(run) == BaseChoice("from/yaml-training", "lora/training_params.yaml")
    (run / "lora" / "training_params.yaml").unlink()
    assert base_of(run) == BaseChoice("from/adapter", "lora/adapter_config.json")
    write_json(run / "lora" / "adapter_config.json", {"base_model_name_or_path": None})
    assert base_of(run) == BaseChoice("from/config", "merged_16bit/config.json")
    full_model(run / "merged_16bit")
    assert base_of(run) == BaseChoice("from/readme", "README.md")
    (run / "README.md").write_text("---\nbase_model:\n- from/list\n- another/one\n---\n")
    assert base_of(run) == BaseChoice("from/list", "README.md")
    (run / "README.md").unlink()
    with pytest.raises(BenchtuiError) as error:
        base_of(run)
    assert "lora/adapter_config.json" in error.value.what
    assert "merged_16bit/config.json" in error.value.what
    assert "--base" in error.value.next_step
    assert "--no-base" in error.value.next_step


def test_nothing_beside_the_model_at_all(tmp_path: Path) -> None:
    full_model(tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text("{}")
    with pytest.raises(BenchtuiError, match=r"Nothing names the base model of m: looked at config\.json"):
        base_of(tmp_path / "m")
    assert find_base(inspect_model(tmp_path / "m"), choose_format(inspect_model(tmp_path / "m"), HF)) is None


@pytest.mark.parametrize(
    ("four_bit", "sixteen_bit"),
    [
        ("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", "unsloth/Llama-3.2-1B-Instruct"),
        ("unsloth/Llama-3.2-1B-Instruct-unsloth-bnb-4bit", "unsloth/Llama-3.2-1B-Instruct"),
        ("org/Model-4bit", "org/Model"),
        ("org/Model-BNB-4bit", "org/Model"),
        ("org/Model", None),
        ("org/Model-4bit-v2", None),
        ("org/-bnb-4bit", None),
    ],
)
def test_the_sixteen_bit_counterpart(four_bit: str, sixteen_bit: str | None) -> None:
    assert sixteen_bit_counterpart(four_bit) == sixteen_bit


@pytest.mark.parametrize("form", ["merged_16bit", "lora"])
def test_a_four_bit_training_base_gives_way_and_it_is_said(tmp_path: Path, form: str) -> None:
    run = tmp_path / "run"
    full_model(run / "merged_16bit")
    adapter(run / "lora", base="unsloth/X-unsloth-bnb-4bit")
    choice = base_of(run, wanted=form)
    assert (choice.name, choice.source_file) == ("unsloth/X", "lora/adapter_config.json")
    assert "unsloth/X-unsloth-bnb-4bit" in choice.note
    assert "16-bit counterpart" in choice.note


def test_a_four_bit_model_keeps_the_four_bit_base(tmp_path: Path) -> None:
    run = tmp_path / "run"
    full_model(run / "merged_4bit")
    adapter(run / "lora", base="unsloth/X-bnb-4bit")
    assert base_of(run, wanted="merged_4bit").name == "unsloth/X-bnb-4bit"
    (run / "lora" / "training_params.yaml").write_text("model:\n  inference_model: unsloth/X\n")
    choice = base_of(run, wanted="merged_4bit")
    assert choice.name == "unsloth/X-bnb-4bit"
    assert "unsloth/X" in choice.note
    assert base_of(run, wanted="lora") == BaseChoice("unsloth/X", "lora/training_params.yaml")


def test_a_full_model_that_is_quantised_counts_as_four_bit(tmp_path: Path) -> None:
    quantised = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    folder = full_model(tmp_path / "m", _name_or_path="unsloth/X-bnb-4bit", **quantised)
    packed = {"model.layers.0.self_attn.q_proj.weight.absmax": np.ones(4, "float32")}
    save(folder / "model.safetensors", llama_tensors() | packed)
    assert base_of(tmp_path / "m").name == "unsloth/X-bnb-4bit"


def test_a_four_bit_base_asked_for_is_used_and_its_price_named(run: Path) -> None:
    choice = base_of(run, flag="unsloth/X-bnb-4bit")
    assert choice.name == "unsloth/X-bnb-4bit"
    assert "quantisation" in choice.note


@pytest.mark.parametrize("named", ["../stage1", "stage1", "./stage1"])
def test_a_folder_beside_the_model(tmp_path: Path, named: str) -> None:
    stage1 = full_model(tmp_path / "outputs" / "stage1")
    adapter(tmp_path / "outputs" / "stage2", base=named)
    assert base_of(tmp_path / "outputs" / "stage2").name == str(stage1)


def test_a_folder_in_the_working_folder_and_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = full_model(tmp_path / "work" / "models" / "llama")
    monkeypatch.chdir(tmp_path / "work")
    adapter(tmp_path / "outputs" / "a", base="models/llama")
    adapter(tmp_path / "outputs" / "b", base=str(local))
    assert base_of(tmp_path / "outputs" / "a").name == str(local)
    assert base_of(tmp_path / "outputs" / "b").name == str(local)
    assert base_of(tmp_path / "outputs" / "b", flag="models/llama").name == str(local)


def test_a_folder_of_another_machine_is_passed_over_and_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    adapter(run, base="/root/models/llama")
    with pytest.raises(BenchtuiError) as error:
        base_of(run)
    assert "adapter_config.json names '/root/models/llama', which is not here" in error.value.what
    (run / "README.md").write_text("---\nbase_model: meta/Llama\n---\n")
    choice = base_of(run)
    assert choice.name == "meta/Llama"
    assert "/root/models/llama" in choice.note


def test_a_model_is_never_its_own_base(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "run"
    full_model(run / "merged_16bit", _name_or_path="outputs/run/merged_16bit")
    full_model(run / "merged_16bit", _name_or_path=str(run / "merged_16bit"))
    with pytest.raises(BenchtuiError):
        base_of(run)
    full_model(tmp_path / "outputs" / "alone", _name_or_path="alone")
    with pytest.raises(BenchtuiError):
        base_of(tmp_path / "outputs" / "alone")


def test_a_flag_that_names_nothing(run: Path) -> None:
    with pytest.raises(UsageError, match=r"--base '\./nowhere' is neither"):
        base_of(run, flag="./nowhere")


def test_a_damaged_file_is_named_when_nothing_else_helps(tmp_path: Path) -> None:
    run = full_model(tmp_path / "m")
    (run / "training_params.yaml").write_text("model: [unclosed\n")
    with pytest.raises(BenchtuiError, match=r"training_params\.yaml is not YAML"):
        base_of(run)


def test_yaml_runs_no_code(tmp_path: Path) -> None:
    run = full_model(tmp_path / "m", _name_or_path="the/base")
    (run / "training_params.yaml").write_text(
        f"model:\n  inference_model: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n"
    )
    assert base_of(run).name == "the/base"
    assert not (tmp_path / "made").exists()


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_any_name_in_a_file_gives_a_base_or_none(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = adapter(tmp_path_factory.mktemp("outputs") / "m", base=name)
    model = inspect_model(folder)
    choice = find_base(model, model.formats[0])
    assert choice is None or (choice.name and choice.name.isprintable())
