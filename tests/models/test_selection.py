"""From what the user typed to a model and a format."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchtui.backends.backend import Backend, Gives
from benchtui.backends.hf import HF
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import inspect_model
from benchtui.models.selection import choose_format, find_model
from tests.models.model_folders import adapter, cut, full_model, gguf, write_json

OLLAMA = Backend("ollama", "Ollama", takes=("gguf",), gives=Gives(generate=True), answering="")


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models in outputs/, `llama-gsm8k` the newer; the working folder is the one that holds outputs/."""
    folder = tmp_path / "outputs"
    for name, seconds in (("llama-lima", 1_000), ("llama-gsm8k", 2_000)):
        full_model(folder / name / "merged_16bit")
        adapter(folder / name / "lora")
        gguf(folder / name / "gguf" / f"{name}-Q4_K_M.gguf")
        for path in (folder / name).rglob("*.*"):
            os.utime(path, (seconds, seconds))
    monkeypatch.chdir(tmp_path)
    return folder


def test_nothing_typed_is_the_newest_that_can_be_used(outputs: Path) -> None:
    assert find_model(outputs, None, HF).name == "llama-gsm8k"
    for path in (outputs / "llama-gsm8k").rglob("*.safetensors"):
        cut(path)
    (outputs / "llama-gsm8k" / "gguf" / "llama-gsm8k-Q4_K_M.gguf").write_text("x")
    assert find_model(outputs, None, HF).name == "llama-lima"


def test_only_broken_models_is_said_with_an_example(outputs: Path) -> None:
    for path in outputs.rglob("*.*"):
        if path.is_file() and path.suffix in (".safetensors", ".gguf"):
            path.write_bytes(b"")
    with pytest.raises(BenchtuiError, match=r"None of the 2 folders.*is empty") as error:
        find_model(outputs, None, HF)
    assert "benchtui models" in error.value.next_step


@pytest.mark.parametrize(
    "typed", ["llama-lima", "outputs/llama-lima", "./outputs/llama-lima/", "outputs/../outputs/llama-lima"]
)
def test_a_name_or_a_path(outputs: Path, typed: str) -> None:
    model = find_model(outputs, typed, HF)
    assert model.name == "llama-lima"
    assert len(model.formats) == 3
    assert model.path.resolve() == outputs / "llama-lima"


def test_a_path_to_one_format_is_that_model_with_only_it(outputs: Path) -> None:
    for typed, kind in (
        ("outputs/llama-lima/lora", "lora"),
        ("outputs/llama-lima/merged_16bit", "merged_16bit"),
        ("outputs/llama-lima/gguf/llama-lima-Q4_K_M.gguf", "gguf"),
    ):
        model = find_model(outputs, typed, HF)
        assert model.name == "llama-lima"
        assert [form.kind for form in model.formats] == [kind]
        assert model.path == outputs / "llama-lima"


def test_checkpoints_directly_in_outputs_are_models_of_their_own(tmp_path: Path) -> None:
    full_model(tmp_path / "outputs" / "checkpoint-5")
    model = find_model(tmp_path / "outputs", str(tmp_path / "outputs" / "checkpoint-5"), HF)
    assert (model.name, [form.kind for form in model.formats]) == ("checkpoint-5", ["full"])


def test_a_gguf_file_anywhere(tmp_path: Path, outputs: Path) -> None:
    model = find_model(outputs, str(gguf(tmp_path / "downloads" / "phi-Q8_0.gguf")), HF)
    assert (model.name, [form.path.name for form in model.formats]) == ("phi-Q8_0", ["phi-Q8_0.gguf"])
    assert model.path == outputs / "phi-Q8_0"
    second = gguf(tmp_path / "downloads" / "phi-00002-of-00002.gguf")
    (form,) = find_model(outputs, str(second), HF).formats
    assert form.problem == "is one of 2 parts, and phi-00001-of-00002.gguf is missing"


def test_a_hub_id_has_its_results_in_outputs(outputs: Path) -> None:
    model = find_model(outputs, "unsloth/Llama-3.2-1B", HF)
    assert model.hub_id == "unsloth/Llama-3.2-1B"
    assert model.path == outputs / "unsloth--Llama-3.2-1B"
    form = choose_format(model, HF)
    assert (form.kind, form.location) == ("hub", "unsloth/Llama-3.2-1B")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("llama-lma", "llama-lima"),
        ("GSM8K", "llama-gsm8k"),
        ("outputs/llama-lmia", "llama-lima"),
        ("lima", "llama-lima"),
    ],
)
def test_a_wrong_name_gets_the_nearest(outputs: Path, typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as error:
        find_model(outputs, typed, HF)
    assert repr(typed) in error.value.what
    assert error.value.next_step.startswith(f"Did you mean {meant}")


@pytest.mark.parametrize("typed", ["zzzzzz", "/no/such/folder", "../nowhere/at/all", "a/b/c"])
def test_what_is_like_nothing_gets_the_way_to_the_list(outputs: Path, typed: str) -> None:
    with pytest.raises(UsageError) as error:
        find_model(outputs, typed, HF)
    assert "benchtui models" in error.value.next_step


@pytest.mark.parametrize("typed", ["", "  ", "a\0b"])
def test_an_empty_name(outputs: Path, typed: str) -> None:
    with pytest.raises(UsageError):
        find_model(outputs, typed, HF)


def test_a_file_is_not_a_model(outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        find_model(outputs, "train.log", HF)


def test_the_order_of_preference(tmp_path: Path) -> None:
    run = tmp_path / "run"
    everything = {
        "checkpoint-5": full_model(run / "checkpoint-5"),
        "checkpoint-40": adapter(run / "checkpoint-40"),
        "merged_4bit": full_model(run / "merged_4bit"),
        "lora": adapter(run / "lora"),
        "full": full_model(run),
        "merged_16bit": full_model(run / "merged_16bit"),
    }
    gguf(run / "gguf" / "run-F16.gguf")
    for label in ("merged_16bit", "full", "lora", "merged_4bit", "checkpoint-40", "checkpoint-5"):
        assert choose_format(inspect_model(run), HF).label == label
        for path in everything[label].iterdir():
            if path.is_file():
                path.unlink()
        if label != "full":
            everything[label].rename(run / f"was {label}")
    with pytest.raises(UsageError, match="loads a merged model, an adapter or a checkpoint; run has run-F16"):
        choose_format(inspect_model(run), HF)
    assert choose_format(inspect_model(run), OLLAMA).label == "run-F16.gguf"


def test_a_better_format_that_is_broken_is_passed_over_and_named(outputs: Path) -> None:
    cut(outputs / "llama-lima" / "merged_16bit" / "model.safetensors")
    form = choose_format(find_model(outputs, "llama-lima", HF), HF)
    assert form.kind == "lora"
    assert "merged_16bit is passed over: model.safetensors is cut short" in form.note


@pytest.mark.parametrize("wanted", ["lora", "adapter", "LORA"])
def test_the_format_asked_for(outputs: Path, wanted: str) -> None:
    if wanted == "LORA":
        with pytest.raises(UsageError, match="has no format 'LORA'") as error:
            choose_format(find_model(outputs, "llama-lima", HF), HF, wanted)
        assert error.value.next_step == "It has: merged_16bit, lora, llama-lima-Q4_K_M.gguf."
    else:
        assert choose_format(find_model(outputs, "llama-lima", HF), HF, wanted).kind == "lora"


def test_one_of_several_checkpoints_or_quantisations(tmp_path: Path) -> None:
    for step in (5, 40):
        full_model(tmp_path / "run" / f"checkpoint-{step}")
    for size, quantisation in ((100, "Q4_K_M"), (200, "Q8_0")):
        gguf(tmp_path / "run" / "gguf" / f"run-{quantisation}.gguf", size)
    model = inspect_model(tmp_path / "run")
    assert choose_format(model, HF, "checkpoint-5").label == "checkpoint-5"
    assert choose_format(model, HF, "checkpoint").label == "checkpoint-40"
    assert choose_format(model, OLLAMA, "q4_k_m").label == "run-Q4_K_M.gguf"
    assert choose_format(model, OLLAMA, "gguf").label == "run-Q8_0.gguf"


def test_a_format_that_the_backend_does_not_load(outputs: Path) -> None:
    model = find_model(outputs, "llama-lima", HF)
    with pytest.raises(UsageError, match="The hf backend loads"):
        choose_format(model, HF, "gguf")
    with pytest.raises(UsageError, match="The ollama backend loads a GGUF file; llama-lima has lora"):
        choose_format(model, OLLAMA, "lora")


def test_the_newest_model_for_a_backend(outputs: Path) -> None:
    gguf(outputs / "only-gguf" / "gguf" / "only-gguf-Q8_0.gguf")
    assert find_model(outputs, None, HF).name == "llama-gsm8k"
    assert find_model(outputs, None, OLLAMA).name == "only-gguf"


def test_a_broken_format_asked_for_is_an_error_that_says_what_to_do(outputs: Path) -> None:
    merged = outputs / "llama-lima" / "merged_16bit"
    (merged / "tokenizer.json").unlink()
    with pytest.raises(BenchtuiError, match="no tokenizer") as error:
        choose_format(find_model(outputs, "llama-lima", HF), HF, "merged_16bit")
    assert str(merged) in error.value.what
    assert "Copy the base model's tokenizer files" in error.value.next_step


def test_pickles_need_their_flag(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    model = inspect_model(folder)
    with pytest.raises(BenchtuiError, match="pickled") as error:
        choose_format(model, HF)
    assert "--allow-pickle" in error.value.next_step
    assert choose_format(model, HF, allow_pickle=True).kind == "full"


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    write_json(tmp_path / "notes" / "todo.json", {})
    with pytest.raises(BenchtuiError, match="notes cannot be benchmarked: no model in it"):
        choose_format(find_model(tmp_path, "notes", HF), HF)
