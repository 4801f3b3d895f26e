"""The demo's workspace with two fine-tuned models, four checkpoints and two GGUF files, all of them real and loadable.

As a program it makes such a folder: `python -m tests.e2e.leaderboard.place DIR`.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchtui.demo.workspace import BASE_NAME, MODEL_NAME, SMALL_NAME, TASKS, demo_paths, open_workspace
from tests.e2e.commands import Finished, benchtui

STEPS = (10, 20, 30, 40)
CHECKPOINTS = tuple(f"checkpoint-{step}" for step in STEPS)
FORMATS = ("merged_16bit", "lora", *CHECKPOINTS)
OTHER_NAME = "islands-80k-noise"
FILES = (f"{MODEL_NAME}.F32.gguf", f"{MODEL_NAME}.Q8_0.gguf")
_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "add_bos_token": True}

Weights = Mapping[str, "np.ndarray[Any, Any]"]


def make_models(root: Path) -> Path:
    """Lay out the models in the new folder `root`, without any run; returns `root`.

    The checkpoints lie on the straight line between the base and the fine-tuned model: `checkpoint-40` is the latter.
    The second model is the demo's small one with noise.
    """
    workspace = open_workspace(root)
    merged = workspace.model / "merged_16bit"
    base, tuned = load_file(workspace.base / "model.safetensors"), load_file(merged / "model.safetensors")
    for step, name in zip(STEPS, CHECKPOINTS, strict=True):
        _write_model(merged, workspace.model / name, _between(base, tuned, step / STEPS[-1]))
    small = root / "models" / SMALL_NAME
    noisy = _noisy(load_file(small / "model.safetensors"))
    _write_model(small, root / "outputs" / OTHER_NAME / "merged_16bit", noisy)
    metrics = {"model_name": f"../../models/{SMALL_NAME}", "dataset_name": "noise"}
    (root / "outputs" / OTHER_NAME / "training_metrics.json").write_text(json.dumps(metrics))
    return root


def add_gguf_files(root: Path) -> None:
    """Convert the fine-tuned model to `FILES`. Needs the package gguf."""
    from tests.worker.answering.gguf.files import write_gguf

    model = root / "outputs" / MODEL_NAME
    template = (model / "merged_16bit" / "chat_template.jinja").read_text()
    (model / "gguf").mkdir(exist_ok=True)
    for name in FILES:
        file = model / "gguf" / name
        write_gguf(model / "merged_16bit", file, quantized="Q8_0" in name, chat_template=template, **_TOKENS)


def evaluate(root: Path, model: str, *arguments: str, base: str = BASE_NAME) -> Finished:
    """Run the demo's tasks on one model of the folder, with the base `base` ("" for none)."""
    against = ("--base", str(root / "models" / base)) if base else ("--no-base",)
    return _type(root, "run", "--model", model, *against, "--no-readme", *arguments)


def make_place(root: Path, *, gguf: bool = True) -> Path:
    """Make the models in the new folder `root`, and a run of each. Takes two minutes; returns `root`."""
    make_models(root)
    if gguf:
        add_gguf_files(root)
    done = [evaluate(root, MODEL_NAME, "--format", name) for name in FORMATS]
    done.append(evaluate(root, OTHER_NAME, base=SMALL_NAME))
    if gguf:
        done.append(_type(root, "quantizations", MODEL_NAME, "--once", "--no-tokens"))
    for ended in done:
        assert ended.code == 0, ended.err
    return root


def _type(root: Path, command: str, *arguments: str) -> Finished:
    tasks = ("--tasks", ",".join(TASKS), "--include-path", str(demo_paths().tasks))
    threads = ("--threads", "1") if command == "quantizations" else ("--device", "cpu", "--offline")
    return benchtui(command, *arguments, *tasks, *threads, "--isolated", cwd=root, env={"OMP_NUM_THREADS": "1"})


def _between(base: Weights, tuned: Weights, share: float) -> dict[str, np.ndarray[Any, Any]]:
    """Return the weights that lie `share` of the way from `base` to `tuned`."""
    found = {}
    for name, end in tuned.items():
        start = base[name].astype(np.float32)
        found[name] = (start + share * (end.astype(np.float32) - start)).astype(end.dtype)
    return found


def _noisy(weights: Weights) -> dict[str, np.ndarray[Any, Any]]:
    draw = np.random.default_rng(21)
    found = {}
    for name in sorted(weights):
        tensor = weights[name].astype(np.float32)
        spread = 0.3 * float(tensor.std()) if tensor.ndim == 2 else 0.0
        found[name] = (tensor + spread * draw.standard_normal(tensor.shape)).astype(weights[name].dtype)
    return found


def _write_model(like: Path, folder: Path, weights: dict[str, np.ndarray[Any, Any]]) -> None:
    shutil.copytree(like, folder, ignore=shutil.ignore_patterns("model.safetensors", "README.md", "benchmarks"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    make_place(Path(sys.argv[1]).absolute())
