"""--model-checkpoint: a file becomes a model folder, once, and is benchmarked as any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchtui.benchmark.put_on_base import RECORD, with_checkpoint
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.run import command
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Permissions
from tests.cli.results_commands import benchtui
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.worker.tiny_models import make_base


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")
    return tmp_path


def choice(file: Path | str, base: Path | str | None = None, *, pickles: bool = False, backend: str = "hf") -> Choice:
    return Choice(
        Path("outputs"),
        model_checkpoint=str(file),
        base=None if base is None else str(base),
        permissions=Permissions(pickle=pickles),
        backend=backend,
    )


def refusal(wanted: Choice) -> str:
    with pytest.raises(BenchtuiError) as caught:
        with_checkpoint(wanted, lambda _: None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_the_model(place: Path) -> None:
    (place / "epoch_0").mkdir()
    found = with_checkpoint(choice("epoch_0"), lambda _: None)
    assert found.model == str(place / "epoch_0")
    assert found.model_checkpoint is None


def test_what_is_no_checkpoint_is_one_line(place: Path) -> None:
    assert "There is no file or folder" in refusal(choice("nowhere.pt"))
    (place / "notes.md").write_text("x")
    assert "is no state dict: its name does not end in .safetensors" in refusal(choice("notes.md"))
    torch.save({}, place / "w.pt")
    assert "is a pickle" in refusal(choice("w.pt", "base"))
    assert "--allow-pickle" in refusal(choice("w.pt", "base"))
    assert "--base-model" in refusal(choice("w.pt", pickles=True))
    assert "loads no state dict" in refusal(choice("w.pt", "base", pickles=True, backend="gguf"))


def test_two_models_contradict_each_other(place: Path) -> None:
    def parsed(line: str) -> Choice:
        with command.make_context("run", line.split()) as context:
            return choice_from_flags(context.params)

    with pytest.raises(UsageError, match="--model and --model-checkpoint both say"):
        parsed("--model tuned --model-checkpoint w.pt")
    first = parsed("--model llama2_7b --model-checkpoint w.pt --tasks hellaswag truthfulqa")
    assert (first.model, first.base) == (None, "meta-llama/Llama-2-7b-hf")
    (place / "benchtui.toml").write_text('[run]\nmodel = "tuned"\n')
    assert parsed("--model-checkpoint w.pt").model is None, "what is typed beats the file"


@pytest.mark.slow
def test_a_pt_file_is_made_into_a_folder_once_and_benchmarked(place: Path) -> None:
    base = make_base(place / "base")
    tensors = {name: tensor * 1.1 for name, tensor in load_file(base / "model.safetensors").items()}
    torch.save({"model": {f"module.{name}": tensor for name, tensor in tensors.items()}}, place / "tuned.pt")
    write_choice_task(place / "tasks", "counting", write_data(place / "counting.jsonl"))
    line = "run --isolated --model-checkpoint tuned.pt --base-model base --allow-pickle --num-gpus 0 --tasks counting"
    done = benchtui(*line.split(), "--include-path", "tasks", "--chat-template", "off")
    assert done.code == 0, done.err
    assert "“module.” removed from 21 names" in done.err
    (folder,) = (path for path in (place / "outputs").iterdir() if not path.name.startswith("."))
    assert folder.name.startswith("tuned-")
    made = load_file(folder / "model.safetensors")
    assert all(torch.equal(made[name], tensor) for name, tensor in tensors.items())
    assert (folder / "benchmarks" / "benchmark.json").is_file()
    assert json.loads((folder / RECORD).read_text())["file"] == str(place / "tuned.pt")
    said: list[str] = []
    again = with_checkpoint(choice(place / "tuned.pt", base, pickles=True), said.append)
    assert again.model == str(folder)
    assert "made before" in said[0]
    save_file(tensors, place / "tuned.safetensors", {"format": "pt"})
    plain = with_checkpoint(choice("tuned.safetensors", base), said.append)
    assert plain.model not in (None, again.model)
    (base / "tokenizer_config.json").write_text((base / "tokenizer_config.json").read_text() + " ")
    assert with_checkpoint(choice("tuned.safetensors", base), said.append).model != plain.model, "another tokenizer"
    wrong = save_with(place / "wrong.safetensors", tensors, "model.norm.weight")
    assert "model.norm.weight is missing" in refusal(choice(wrong, base))
    assert len(list((place / "outputs").iterdir())) == 3, "nothing is left of what did not fit"


def save_with(path: Path, tensors: dict[str, torch.Tensor], left_out: str) -> Path:
    save_file({name: tensor for name, tensor in tensors.items() if name != left_out}, path)
    return path
