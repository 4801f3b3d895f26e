"""Discovery, base and description on a real fine-tuned model and a hub that serves its base."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from benchtui.backends.hf import HF
from benchtui.models.base import resolve_base
from benchtui.models.describe import describe
from benchtui.models.selection import choose_format, find_model

pytestmark = pytest.mark.hub
BASE = "tinyllamas/stories260K"


class Hub(Protocol):
    root: Path
    url: str
    env: dict[str, str]


@pytest.fixture
def outputs(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in hub.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return Path(shutil.copytree(hub.root / "outputs", tmp_path / "outputs"))


def test_the_newest_model_its_format_and_its_base(outputs: Path) -> None:
    model = find_model(outputs, None, HF)
    form = choose_format(model, HF)
    assert (model.name, form.kind) == ("stories260k-gsm8k", "merged_16bit")
    assert model.all_problems == ()
    choice = resolve_base(model, form)
    assert (choice.name, choice.source_file, choice.note) == (BASE, "lora/training_params.yaml", "")
    ours, base = describe(form.location), describe(choice.name)
    assert ours.architecture.hidden_size == base.architecture.hidden_size == 64
    assert ours.chat_template == base.chat_template
    assert ours.parameters == 260_032
    assert base.weight_bytes == 1_044_992


def test_offline_after_a_loader_has_cached_it(outputs: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = describe(BASE).revision
    fetch = "import sys; from huggingface_hub import snapshot_download as get; get(sys.argv[1], revision=sys.argv[2])"
    subprocess.run([sys.executable, "-c", fetch, BASE, str(commit)], env={**os.environ}, check=True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    described = describe(BASE, offline=True)
    assert described.revision == commit
    assert (described.parameters, described.parameters_estimated) == (260_032, False)
    assert describe(BASE).note.startswith("http://127.0.0.1:9 cannot be reached")


def test_the_list_shows_it(outputs: Path) -> None:
    command = [sys.executable, "-m", "benchtui", "models", "--outputs", str(outputs)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "merged_16bit 525 KB, lora 379 KB, gguf F32 1.1 MB" in shown
    assert f"{BASE}, from training_params.yaml" in shown
    assert "2026-11-01" in shown
