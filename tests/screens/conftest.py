"""A folder of trained models with recorded runs, and the application on it: same names, times and sizes every time."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import lm_eval
import pytest
from textual.pilot import Pilot

from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.backends.openai import OPENAI
from benchtui.backends.vllm import VLLM
from benchtui.demo.workspace import demo_paths, open_workspace
from benchtui.doctor.check import Check
from benchtui.machine import MachineReading
from benchtui.plans.choice import Choice
from benchtui.wizard.backends import KnownBackend
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.screens.record import LM_EVAL, RECORDED, TASK_FOLDER, WORKSPACE

MODEL = "islands-400k-instructions"
NOW = 1_795_222_800.0
"""2026-11-21 01:00 UTC, an hour and a quarter after the recorded runs."""
TRAINED = NOW - 3 * 3600

Open = Callable[..., BenchtuiApp]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`outputs` in the current folder: one model with two runs, one never benchmarked, one that is broken."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")  # whatever runs on this machine
    time.tzset()
    monkeypatch.chdir(tmp_path)
    workspace = open_workspace(tmp_path / "demo")
    outputs = tmp_path / "outputs"
    shutil.move(workspace.outputs, outputs)
    _name_base(outputs / MODEL)
    put_recorded(outputs / MODEL, tmp_path / "demo")
    plain = outputs / "never-benchmarked"
    shutil.copytree(outputs / MODEL / "merged_16bit", plain / "merged_16bit")
    (outputs / "broken").mkdir()
    (outputs / "broken" / "config.json").write_text("{")
    for place in outputs.rglob("*"):
        os.utime(place, (TRAINED, TRAINED))
    return Path("outputs")


def _name_base(model: Path) -> None:
    """A hub id instead of a folder whose path differs from machine to machine; facts of a training that stay."""
    metrics = {
        "model_name": "islands/islands-400k",
        "dataset_name": "instructions",
        "dataset_samples": 24_000,
        "total_steps": 1_500,
        "num_train_epochs": 1,
        "final_loss": 0.5942,
        "lora_rank": 16,
        "learning_rate": 0.008,
        "training_time_seconds": 46.3,
        "timestamp": "2026-11-20T22:00:00+00:00",
    }
    (model / "lora" / "training_metrics.json").write_text(json.dumps(metrics))
    (model / "lora" / "training_params.yaml").unlink()


def put_recorded(model: Path, workspace: Path, recorded: Path = RECORDED, kind: str = "benchmarks") -> None:
    """Recorded runs of a kind into a model folder, with the folders of this machine."""
    folders = {
        WORKSPACE: str(workspace),
        TASK_FOLDER: str(demo_paths().tasks),
        LM_EVAL: str(Path(lm_eval.__file__).parent),
    }
    for file in recorded.rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for name, folder in folders.items():
                text = text.replace(name, folder)
            target = model / kind / file.relative_to(recorded)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


@pytest.fixture
def open_app(models: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Makes the application on those models; what the machine is like is held still."""
    monkeypatch.setattr("benchtui.backends.backend.free_memory", lambda: 16 * 2**30)
    monkeypatch.setattr("benchtui.backends.backend.free_gpu_memory", lambda *_: None)
    reading = MachineReading(0.62, 5 * 10**9, 16 * 10**9, None)
    monkeypatch.setattr("screens.run.reader.MachineMeter.read", lambda _: reading)

    def make(choice: Choice | None = None, *, typed: bool = False) -> BenchtuiApp:
        return BenchtuiApp(Settings(choice or Choice(outputs=models), typed=typed, clock=lambda: NOW))

    return make


@pytest.fixture
def still_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backends and preflight as on one certain machine."""
    lacks = KnownBackend(VLLM, lacks="Not installed: python -m pip install vllm")
    known = [*map(KnownBackend, (HF, GGUF, OPENAI)), lacks]
    monkeypatch.setattr("screens.wizard.model.known_backends", lambda _: known)
    monkeypatch.setattr("screens.wizard.format.known_backends", lambda _: known)
    checks = [
        Check(
            "NLTK data", "warning", "punkt_tab is not here; IFEval downloads it", "python -m nltk.downloader punkt_tab"
        ),
        Check("Tasks", "ok", "1 task known to lm-eval"),
        Check("Model", "ok", f"{MODEL}, merged_16bit"),
        Check("Base", "ok", "islands/islands-400k"),
        Check("Samples", "ok", "Can show gains from 5.5 points (Instruction-Following). `benchtui plan` says more."),
        Check("Chat template", "ok", "applied to both sides."),
        Check("Memory", "ok", "11.0 GB free of 16.0 GB"),
        Check("Disk", "ok", "120 GB free for outputs"),
    ]
    monkeypatch.setattr("screens.wizard.review.preflight", lambda _: checks)


async def settle(pilot: Pilot[int], seconds: float = 15.0) -> None:
    """Wait until nothing is being read and everything is drawn."""
    quiet, end = 0, time.monotonic() + seconds
    while quiet < 3 and time.monotonic() < end:
        await pilot.pause()
        busy = [worker for worker in pilot.app.workers if worker.is_running and worker.group != "follow"]
        quiet = 0 if busy else quiet + 1
        await asyncio.sleep(0.02)
    await pilot.pause()


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Keys one after another, each when the last one has had its effect."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def type_in(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*({" ": "space", ",": "comma", "_": "underscore", "-": "minus"}.get(c, c) for c in text))
    await settle(pilot)


def shown(pilot: Pilot[int]) -> str:
    """The screen as text."""
    app = pilot.app
    with app.screen._context() if hasattr(app.screen, "_context") else app._context():
        strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def app_in(mode: str, make: Callable[[], BenchtuiApp], monkeypatch: pytest.MonkeyPatch) -> BenchtuiApp:
    """An application as a picture shows it: "no-colour", or in the theme of this name; it looks at NO_COLOR when it is
    made."""
    if mode == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    app = make()
    if mode not in ("dark", "no-colour"):
        app.theme = f"benchtui-{mode}"
    return app
