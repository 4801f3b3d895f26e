"""READMEs made where there was none: how to use what lies there, and nothing that points at somebody's disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from benchtui.reports.readme.readme import update_readmes
from tests.synthetic import ifeval, write_run


def trained(tmp_path: Path, *formats: str, **facts: str) -> Path:
    """A model with results and these formats, as far as files say what they are."""
    model = tmp_path / "outputs" / "llama-lima"
    write_run(model / "benchmarks" / "fine-tuned" / "a", {"ifeval": ifeval([True] * 12, total=12)})
    for name in formats:
        (model / name).mkdir()
    if "lora" in formats:
        adapter = {"base_model_name_or_path": facts.pop("base", "org/tiny-base"), "r": 8}
        (model / "lora" / "adapter_config.json").write_text(json.dumps(adapter))
    for name in ("merged_16bit", "merged_4bit"):
        if name in formats:
            (model / name / "config.json").write_text("{}")
    (model / "training_metrics.json").write_text(json.dumps(facts))
    return model


def readme(model: Path, part: str = "") -> str:
    update_readmes(model)
    return (model / part / "README.md").read_text()


def test_the_main_readme_shows_the_merged_model(tmp_path: Path) -> None:
    text = readme(trained(tmp_path, "lora", "merged_16bit", "gguf"))
    assert "AutoModelForCausalLM.from_pretrained('llama-lima/merged_16bit')" in text
    assert "peft" not in text
    assert "- `lora/`: LoRA adapter\n" in text


def test_the_main_readme_shows_the_adapter_where_nothing_is_merged(tmp_path: Path) -> None:
    text = readme(trained(tmp_path, "lora"))
    assert "AutoPeftModelForCausalLM.from_pretrained('llama-lima/lora')" in text
    assert "AutoTokenizer.from_pretrained('org/tiny-base')" in text


def test_a_model_directly_in_the_folder_is_shown_by_its_name(tmp_path: Path) -> None:
    model = trained(tmp_path)
    (model / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (model / "model.safetensors").write_bytes(b"")
    assert "AutoModelForCausalLM.from_pretrained('llama-lima')" in readme(model)


def test_gguf_files_can_be_typed_into_a_shell(tmp_path: Path) -> None:
    model = trained(tmp_path, "gguf")
    for name in ("llama lima; rm -rf ~.gguf", "plain-Q4_K_M.gguf"):
        (model / "gguf" / name).write_bytes(b"GGUF")
    text = readme(model, "gguf")
    assert "llama-cli -m 'llama lima; rm -rf ~.gguf' -cnv\n" in text
    assert "llama-cli -m plain-Q4_K_M.gguf -cnv\n" in text
    assert "llama-cli -m gguf/" in readme(model) or "llama-cli -m 'gguf/" in readme(model)


def test_nothing_is_shown_where_there_is_nothing_to_load(tmp_path: Path) -> None:
    text = readme(trained(tmp_path))
    assert "## Usage" not in text
    assert "What is here" not in text


@pytest.mark.parametrize("dataset", ["GAIR/lima", "HuggingFaceH4/ultrachat_200k", "org/data.v2"])
def test_a_data_set_of_the_hub_is_linked(tmp_path: Path, dataset: str) -> None:
    assert ModelCard(readme(trained(tmp_path, dataset_name=dataset))).data.datasets == [dataset]


@pytest.mark.parametrize(
    "dataset",
    ["data/train.jsonl", "data/train.json.gz", "./train", "../train", "here/train", "train.csv", "a/b/c", "my data"],
)
def test_a_data_set_of_this_disk_is_not(tmp_path: Path, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    text = readme(trained(tmp_path, dataset_name=dataset))
    assert ModelCard(text).data.datasets is None
    assert "Dataset: " in text, "what the training wrote down is still told"


@pytest.mark.parametrize("base", ["../../models/x", "models/x", "../x"])
def test_a_base_of_this_disk_is_named_and_not_linked(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = trained(tmp_path, "lora", base=base)
    place = tmp_path / "outputs" / base if base.startswith("../") else tmp_path / base
    for folder in (place, model / base):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text("{}")
    text = readme(model, "lora")
    assert ModelCard(text).data.base_model is None
    assert "LoRA adapter of x" in text
    assert str(tmp_path) not in text


def test_folders_of_the_training_are_not_published(tmp_path: Path) -> None:
    text = readme(trained(tmp_path, dataset_name="/home/ann/data/chats.jsonl", model_name="/home/ann/models/llama"))
    assert "/home/ann" not in text
    assert "- Dataset: chats.jsonl" in text
    assert "- Trained on: llama" in text
