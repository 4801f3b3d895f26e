"""The trees that axolotl, LLaMA-Factory, DeepSpeed, FSDP, the hub's cache and loggers leave."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from benchtui.backends.hf import HF
from benchtui.errors import BenchtuiError
from benchtui.models.base import find_base
from benchtui.models.changes import folder_state
from benchtui.models.describe import describe
from benchtui.models.discovery import discover, inspect_model
from benchtui.models.gguf.check import check_gguf
from benchtui.models.selection import choose_format, find_model
from tests.conftest import HUB, absent
from tests.models.model_folders import adapter, cut, full_model, gguf, write_json

SHA = "0123456789abcdef0123456789abcdef01234567"


def labels(folder: Path) -> list[str]:
    return [form.label for form in inspect_model(folder).formats]


def test_axolotl_merges_beside_the_adapter(tmp_path: Path) -> None:
    run = adapter(tmp_path / "outputs" / "lora-out")
    full_model(run / "merged")
    adapter(run / "checkpoint-50")
    assert labels(run) == ["merged", "lora", "checkpoint-50"]
    model = find_model(tmp_path / "outputs", "lora-out", HF)
    assert choose_format(model, HF).path == run / "merged"
    assert choose_format(model, HF, "merged").label == "merged"


def test_llama_factory_saves_by_method_and_stage(tmp_path: Path) -> None:
    model = tmp_path / "saves" / "Llama-3-8B"
    adapter(model / "lora" / "sft")
    adapter(model / "lora" / "sft" / "checkpoint-500")
    adapter(model / "lora" / "dpo")
    full_model(model / "full" / "sft")
    write_json(model / "lora" / "sft" / "trainer_log.jsonl", {})
    assert sorted(labels(model)) == ["full/sft", "lora/dpo", "lora/sft", "lora/sft/checkpoint-500"]
    assert inspect_model(model).all_problems == ()
    found = find_model(tmp_path / "saves", str(model / "lora" / "sft"), HF)
    assert (found.name, found.path, [form.label for form in found.formats]) == ("Llama-3-8B", model, ["lora/sft"])
    named = find_model(tmp_path / "saves", "Llama-3-8B", HF)
    assert choose_format(named, HF, "lora/dpo").path == model / "lora" / "dpo"


def test_checkpoints_below_lora(tmp_path: Path) -> None:
    adapter(tmp_path / "m" / "lora")
    adapter(tmp_path / "m" / "lora" / "checkpoint-20")
    assert labels(tmp_path / "m") == ["lora", "lora/checkpoint-20"]


def test_the_final_model_beside_checkpoints(tmp_path: Path) -> None:
    full_model(tmp_path / "m" / "checkpoint-20")
    full_model(tmp_path / "m" / "final")
    assert labels(tmp_path / "m") == ["final", "checkpoint-20"]
    assert choose_format(inspect_model(tmp_path / "m"), HF).label == "final"


def test_runs_of_an_experiment_are_models_of_their_own(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    adapter(outputs / "exp1" / "run1" / "lora")
    full_model(outputs / "exp1" / "run2")
    full_model(outputs / "plain")
    assert {model.name for model in discover(outputs)} == {"exp1/run1", "exp1/run2", "plain"}
    found = find_model(outputs, "exp1/run2", HF)
    assert (found.name, found.path) == ("exp1/run2", outputs / "exp1" / "run2")
    assert find_model(outputs, str(outputs / "exp1" / "run2"), HF).name == "exp1/run2"
    before = folder_state(outputs)
    os.utime(outputs / "exp1" / "run1", (1, 1))
    assert folder_state(outputs) != before


@pytest.mark.parametrize("name", ["wandb", "runs", "logs", "__pycache__", ".git", "mlruns", "lightning_logs"])
def test_what_loggers_leave_is_neither_a_model_nor_a_broken_one(tmp_path: Path, name: str) -> None:
    full_model(tmp_path / "m")
    (tmp_path / name / "run-20261101" / "files").mkdir(parents=True)
    (tmp_path / name / "events.out.tfevents").write_bytes(b"x")
    write_json(tmp_path / name / "run-20261101" / "files" / "wandb-summary.json", {})
    (tmp_path / "m" / name).mkdir()
    (model,) = discover(tmp_path)
    assert (model.name, model.all_problems, len(model.formats)) == ("m", (), 1)


def test_only_what_loggers_leave_says_the_three_ways(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    with pytest.raises(BenchtuiError, match="no trained models") as error:
        discover(tmp_path)
    assert all(way in error.value.next_step for way in ("--outputs", "ORG/NAME", "benchtui demo"))


def cached(folder: Path, *, refs: bool = True) -> Path:
    """A model as the hub's cache holds it: blobs, and links to them."""
    snapshot = folder / "snapshots" / SHA
    full_model(folder / "plain")
    (folder / "blobs").mkdir()
    snapshot.mkdir(parents=True)
    for file in (folder / "plain").iterdir():
        file.rename(folder / "blobs" / file.name)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    (folder / "plain").rmdir()
    (folder / "refs").mkdir()
    if refs:
        (folder / "refs" / "main").write_text(SHA)
    return snapshot


@pytest.mark.parametrize("refs", [True, False])
def test_a_folder_of_the_hubs_cache(tmp_path: Path, refs: bool) -> None:
    snapshot = cached(tmp_path / "hub" / "models--org--name", refs=refs)
    (tmp_path / "hub" / "datasets--org--data").mkdir()
    (model,) = discover(tmp_path / "hub")
    assert (model.name, model.usable, model.formats[0].path) == ("models--org--name", True, snapshot)
    assert describe(snapshot).tensors
    for place in (snapshot, snapshot.parent.parent):
        found = find_model(tmp_path / "outputs", str(place), HF)
        assert (found.name, found.path) == ("org/name", tmp_path / "outputs" / "org--name")
        assert choose_format(found, HF).path == snapshot


@pytest.mark.parametrize(
    ("shards", "words"),
    [
        ("global_step500", "zero_to_fp32.py . . --safe_serialization"),
        ("pytorch_model_fsdp_0", "accelerate merge-weights {folder}/pytorch_model_fsdp_0 {folder}"),
    ],
)
def test_shards_of_a_distributed_training_name_what_to_type(tmp_path: Path, shards: str, words: str) -> None:
    folder = tmp_path / "m" / "checkpoint-500"
    (folder / shards).mkdir(parents=True)
    (folder / shards / "part.bin").write_bytes(b"x")
    (form,) = inspect_model(tmp_path / "m").formats
    assert words.format(folder=folder) in form.problem
    assert form.label == "checkpoint-500"
    full_model(folder)  # the weights were gathered as well
    assert inspect_model(tmp_path / "m").usable


def test_distcp_files_directly_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "__0_0.distcp").write_bytes(b"x")
    assert "accelerate merge-weights" in inspect_model(tmp_path / "m").formats[0].problem


def test_a_gguf_that_was_zeroed_or_cut(tmp_path: Path) -> None:
    path = gguf(tmp_path / "m.gguf", 100_000)
    assert check_gguf(path) == ""
    assert "is cut short" in check_gguf(cut(path, 1000))
    path.write_bytes(bytes(100_000))
    assert "is only zeros" in check_gguf(path)
    whole = gguf(path, 100_000).read_bytes()
    path.write_bytes(whole[:60_000] + bytes(40_000))
    assert "is only zeros towards its end" in check_gguf(path)
    path.write_bytes(whole[:30])
    assert "damaged header" in check_gguf(path)
    path.write_bytes(b"GGUF" + struct.pack("<I", 99) + whole[8:])
    assert "unknown version (99)" in check_gguf(path)


@pytest.mark.hub
def test_the_real_gguf_of_the_hub_is_whole() -> None:
    files = list(HUB.rglob("*.gguf"))
    if not files:
        absent("hub", "no hub beside the checkout")
    assert [check_gguf(path) for path in files] == [""] * len(files)


def test_a_base_named_by_its_place_on_another_machine(tmp_path: Path) -> None:
    place = f"/root/.cache/huggingface/hub/models--org--base/snapshots/{SHA}"
    model = inspect_model(full_model(tmp_path / "cache", _name_or_path=place))
    base = find_base(model, model.formats[0])
    assert base is not None
    assert base.name == "org/base"
    model = inspect_model(full_model(tmp_path / "local", _name_or_path="/home/anna/llama"))
    assert find_base(model, model.formats[0]) is None


def test_a_base_named_by_its_place_on_this_machine(tmp_path: Path) -> None:
    base = full_model(tmp_path / "llama")
    model = inspect_model(full_model(tmp_path / "outputs" / "m", _name_or_path=str(base)))
    found = find_base(model, model.formats[0])
    assert found is not None
    assert (found.name, found.source_file) == (str(base), "config.json")


def test_a_checkpoint_with_the_optimizer_alone(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m" / "checkpoint-500")
    (folder / "model.safetensors").unlink()
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "trainer_state.json"):
        (folder / name).write_bytes(b"x")
    (form,) = inspect_model(tmp_path / "m").formats
    assert form.problem == "only the state of the training (optimizer.pt), no weights (model.safetensors is missing)"


@pytest.mark.parametrize("name", [".ipynb_checkpoints", ".git", ".cache", ".trash"])
def test_hidden_folders_are_no_models_even_with_one_inside(tmp_path: Path, name: str) -> None:
    full_model(tmp_path / "m")
    full_model(tmp_path / name)
    full_model(tmp_path / "m" / name)
    (model,) = discover(tmp_path)
    assert (model.name, [form.label for form in model.formats]) == ("m", ["full"])


def test_models_in_a_folder_called_runs_are_found(tmp_path: Path) -> None:
    adapter(tmp_path / "runs" / "llama-sft")
    (tmp_path / "runs" / "events").mkdir()
    assert [model.name for model in discover(tmp_path)] == ["runs/llama-sft"]


def test_an_adapter_of_mlx_says_what_to_type(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "m")
    (folder / "adapter_model.safetensors").rename(folder / "adapters.safetensors")
    (form,) = inspect_model(folder).formats
    assert form.problem.startswith("only MLX's adapter (adapters.safetensors)")
    assert f"mlx_lm.fuse --adapter-path {folder}" in form.problem
