"""Every layout that training tools leave behind is found and named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import discover, inspect_model
from benchtui.models.layout import TrainedModel
from tests.models.model_folders import adapter, full_model, gguf, sharded_model, weights, write_json


def only(outputs: Path) -> TrainedModel:
    (model,) = discover(outputs)
    return model


def kinds(model: TrainedModel) -> list[str]:
    return [form.kind for form in model.formats]


def test_a_finished_unsloth_run_has_its_four_formats(tmp_path: Path) -> None:
    run = tmp_path / "llama-lima"
    adapter(run / "lora")
    full_model(run / "merged_16bit")
    full_model(run / "merged_4bit")
    gguf(run / "gguf" / "llama-lima-Q4_K_M.gguf", 1000)
    gguf(run / "gguf" / "mmproj-llama-lima.gguf")
    (run / "gguf" / "Modelfile").write_text("FROM .")
    (run / "lora_bak").mkdir()
    (run / "benchmarks").mkdir()
    model = only(tmp_path)
    assert kinds(model) == ["merged_16bit", "lora", "merged_4bit", "gguf"]
    assert model.all_problems == ()
    assert [form.label for form in model.formats][-1] == "llama-lima-Q4_K_M.gguf"
    assert model.formats[0].bytes == (run / "merged_16bit" / "model.safetensors").stat().st_size
    assert [form.adapter for form in model.formats] == [False, True, False, False]


def test_an_adapter_directly_in_the_folder(tmp_path: Path) -> None:
    adapter(tmp_path / "m")
    model = only(tmp_path)
    assert kinds(model) == ["lora"]
    assert model.formats[0].path == tmp_path / "m"
    assert model.usable


def test_a_full_model_directly_in_the_folder_even_in_shards(tmp_path: Path) -> None:
    sharded_model(tmp_path / "m")
    model = only(tmp_path)
    assert kinds(model) == ["full"]
    assert model.usable
    assert model.formats[0].bytes == sum(shard.stat().st_size for shard in (tmp_path / "m").glob("*.safetensors"))


def test_gguf_files_directly_in_the_folder(tmp_path: Path) -> None:
    gguf(tmp_path / "m" / "m-Q8_0.gguf")
    assert kinds(only(tmp_path)) == ["gguf"]


def test_a_gguf_in_shards_is_one_format(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        gguf(tmp_path / "m" / "gguf" / f"m-{number:05}-of-00003.gguf", 100)
    model = only(tmp_path)
    assert [(form.path.name, form.bytes, form.problem) for form in model.formats] == [
        ("m-00001-of-00003.gguf", 300, "")
    ]
    (tmp_path / "m" / "gguf" / "m-00002-of-00003.gguf").unlink()
    assert "m-00002-of-00003.gguf is missing" in only(tmp_path).formats[0].problem


def test_trainer_checkpoints_newest_first_with_full_weights_or_an_adapter(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (500, 1000, 90):
        full_model(run / f"checkpoint-{step}")
    adapter(run / "checkpoint-2000")
    (run / "checkpoint-final-notes").mkdir()
    model = only(tmp_path)
    assert [form.label for form in model.formats] == [
        "checkpoint-2000", "checkpoint-1000", "checkpoint-500", "checkpoint-90",
    ]  # fmt: skip
    assert [form.adapter for form in model.formats] == [True, False, False, False]


def test_a_checkpoint_uses_the_tokenizer_that_the_trainer_wrote_beside_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    full_model(run / "checkpoint-10", tokenizer=False)
    assert "no tokenizer" in only(tmp_path).formats[0].problem
    write_json(run / "tokenizer.json", {})
    form = only(tmp_path).formats[0]
    assert form.problem == ""
    assert form.tokenizer == run


def test_torchtune_epochs(tmp_path: Path) -> None:
    adapter(tmp_path / "tuned" / "epoch_0")
    full_model(tmp_path / "tuned" / "epoch_1")
    both = full_model(tmp_path / "tuned" / "epoch_2")
    adapter(both)
    model = only(tmp_path)
    assert [(form.label, form.adapter) for form in model.formats] == [
        ("epoch_2", False),
        ("epoch_1", False),
        ("epoch_0", True),
    ]
    assert "adapter" in model.formats[0].note


def test_training_facts_and_the_order_newest_first(tmp_path: Path) -> None:
    for name, when in (("old", "2026-01-02T03:04:05"), ("new", "2026-06-01T00:00:00")):
        adapter(tmp_path / name / "lora")
        metrics = {"model_name": "b/B-bnb-4bit", "dataset_name": "gsm8k", "final_loss": 1.5, "lora_rank": 16}
        write_json(tmp_path / name / "lora" / "training_metrics.json", metrics | {"timestamp": when, "total_steps": 7})
    models = discover(tmp_path)
    assert [model.name for model in models] == ["new", "old"]
    facts = models[0].training
    assert (facts.trained_on, facts.dataset, facts.final_loss, facts.lora_rank, facts.steps) == (
        "b/B-bnb-4bit", "gsm8k", 1.5, 16, 7,
    )  # fmt: skip
    assert str(facts.finished) == "2026-06-01 00:00:00"


def test_without_training_facts_the_newest_weights_come_first(tmp_path: Path) -> None:
    for name, seconds in (("first", 1_000_000), ("third", 3_000_000), ("second", 2_000_000)):
        full_model(tmp_path / name)
        os.utime(tmp_path / name / "model.safetensors", (seconds, seconds))
    assert [model.name for model in discover(tmp_path)] == ["third", "second", "first"]


def test_training_facts_of_the_wrong_kind_are_left_out(tmp_path: Path) -> None:
    adapter(tmp_path / "m" / "lora")
    odd = '{"model_name": 3, "final_loss": NaN, "lora_rank": true, "total_steps": "many", "trained_date": "20269999"}'
    (tmp_path / "m" / "lora" / "training_metrics.json").write_text(odd)
    facts = only(tmp_path).training
    assert (facts.trained_on, facts.final_loss, facts.lora_rank, facts.steps, facts.finished) == (None,) * 5


def test_hidden_folders_and_plain_files_are_not_models(tmp_path: Path) -> None:
    full_model(tmp_path / "m")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    assert only(tmp_path).name == "m"


def test_a_linked_model_is_followed_and_loops_do_no_harm(tmp_path: Path) -> None:
    elsewhere = full_model(tmp_path / "elsewhere" / "real")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "linked").symlink_to(elsewhere)
    (outputs / "loop").symlink_to(outputs / "loop")
    (outputs / "again").symlink_to(outputs)
    (outputs / "gone").symlink_to(tmp_path / "nothing")
    inner = full_model(outputs / "inner")
    (inner / "lora").symlink_to(inner)
    (inner / "checkpoint-1").symlink_to(inner / "checkpoint-1")
    found = {model.name: model for model in discover(outputs)}
    assert found["linked"].usable
    assert found["inner"].usable
    assert set(found) == {"linked", "inner", "again"}
    assert found["again"].problems


def test_results_of_a_hub_model_are_that_hub_model(tmp_path: Path) -> None:
    (tmp_path / "org--name" / "benchmarks").mkdir(parents=True)
    model = only(tmp_path)
    assert (model.name, model.hub_id, kinds(model)) == ("org/name", "org/name", ["hub"])


@pytest.mark.parametrize("missing", ["outputs", "a/b"])
def test_no_outputs_folder_says_what_to_do(tmp_path: Path, missing: str) -> None:
    with pytest.raises(UsageError) as error:
        discover(tmp_path / missing)
    assert str(tmp_path / missing) in error.value.what
    assert "--outputs" in error.value.next_step


def test_outputs_that_is_a_file_or_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        discover(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchtuiError, match="no trained models") as error:
        discover(tmp_path / "empty")
    assert "benchtui demo" in error.value.next_step


def test_outputs_that_is_itself_a_model_is_pointed_out(tmp_path: Path) -> None:
    full_model(tmp_path / "m" / "merged_16bit")
    with pytest.raises(UsageError, match="itself a trained model") as error:
        discover(tmp_path / "m")
    assert f"--outputs {tmp_path}" in error.value.next_step


def test_a_model_one_level_too_deep_is_pointed_to(tmp_path: Path) -> None:
    full_model(tmp_path / "run" / "final")
    (problem,) = inspect_model(tmp_path / "run").problems
    assert f"--model {tmp_path / 'run' / 'final'}" in problem


def test_what_transformers_and_peft_really_write_is_whole(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    model = LlamaForCausalLM(config)
    run = tmp_path / "run"
    model.save_pretrained(run / "merged_16bit", max_shard_size="10KB")
    write_json(run / "merged_16bit" / "tokenizer.json", {})
    get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(run / "lora")
    found = only(tmp_path)
    assert kinds(found) == ["merged_16bit", "lora"]
    assert found.all_problems == ()
    shards = list((run / "merged_16bit").glob("model-*.safetensors"))
    assert len(shards) > 1
    weights(shards[0])  # another file under its name is still whole
    shards[1].unlink()
    assert "missing" in only(tmp_path).formats[0].problem


@pytest.mark.parametrize(
    ("name", "inside", "listed"),
    [
        ("small+large", ["benchmarks", "README.md"], False),
        ("org--small+org--large", ["benchmarks", "sweeps"], False),
        ("small+large", ["sweeps"], False),
        ("small+large", ["benchmarks", "training.log"], True),
        ("small+large", [], True),
        ("small", ["benchmarks"], True),
    ],
)
def test_runs_of_two_models_are_no_broken_model(tmp_path: Path, name: str, inside: list[str], listed: bool) -> None:
    other = tmp_path / "outputs" / "other"
    for entry in inside:
        (tmp_path / "outputs" / name / entry).mkdir(parents=True)
    (tmp_path / "outputs" / name).mkdir(parents=True, exist_ok=True)
    other.mkdir()
    assert (name in [model.name for model in discover(tmp_path / "outputs")]) == listed
