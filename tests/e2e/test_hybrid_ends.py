"""Routed runs at both ends: the results and samples of each model's own run, which the engine answers by itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from tests.conftest import Hub
from tests.e2e.commands import benchtui, results_in, samples_in

ENDS = {"inf": 0, "0": 1}
IS_FULL = os.environ.get("BENCHTUI_TEST_REAL_SIZE") == "full"
"""`make real` asks for more and longer answers."""


def run(root: Path, env: dict[str, str] | None, *asked: str | Path) -> Path:
    done = benchtui(
        "run", "--no-base", "--no-readme", "--no-resume", "--dtype", "float32", "--device", "cpu", *asked,
        cwd=root, env=env, timeout=3000,
    )  # fmt: skip
    assert done.code == 0, done.err
    return max(root.rglob("run/plan.json"), key=lambda file: file.stat().st_mtime).parent.parent / "lm-eval"


def answered(folder: Path, task: str) -> list[Any]:
    """What of each sample a model has to do with, and every number that was made of it."""
    return [
        {name: value for name, value in sample.items() if name not in ("doc", "routed")} | {"doc": sample["doc_id"]}
        for sample in samples_in(folder, task)
    ]


def check_ends(
    root: Path, models: tuple[str, str], tasks: str, *asked: str | Path, env: dict[str, str] | None = None
) -> None:
    alone = [run(root, env, "--model", model, "--tasks", tasks, *asked) for model in models]
    apart = set()
    for threshold, side in ENDS.items():
        strategy = ("--strategy", "uncertainty", "--threshold", threshold)
        pair = ("--backend", "hybrid", "--model", models[0], "--large", models[1])
        routed = run(root, env, *pair, *strategy, "--tasks", tasks, *asked)
        found, expected = (results_in(folder)["results"] for folder in (routed, alone[side]))
        assert found.keys() == expected.keys()
        for task in tasks.split(","):
            assert {name: value for name, value in found[task].items() if name != "alias"} == {
                name: value for name, value in expected[task].items() if name != "alias"
            }
            for one, other in zip(answered(routed, task), answered(alone[side], task), strict=True):
                assert one.keys() == other.keys()
                for name, value in one.items():
                    if name in ("resps", "filtered_resps") and not isinstance(value[0], str):
                        close(value, other[name])
                    else:
                        assert value == other[name], (task, name)
            apart.add(json.dumps([sample["resps"] for sample in answered(routed, task)]))
    assert len(apart) == 2 * len(tasks.split(",")), "the models do not differ here"


def close(found: Any, expected: Any) -> None:
    """Log-likelihoods are sums of the same numbers in another order."""
    if isinstance(found, list):
        for one, other in zip(found, expected, strict=True):
            close(one, other)
    elif str(found).lstrip("-").replace(".", "").replace("e-", "").isdigit():
        assert float(found) == pytest.approx(float(expected), abs=1e-3)
    else:
        assert found == expected


@pytest.mark.slow
def test_on_the_demos_pair(tmp_path: Path) -> None:
    root = open_workspace(tmp_path / "demo").root
    models = (f"models/{SMALL_NAME}", f"models/{BASE_NAME}")
    tasks = ("--include-path", demo_paths().tasks, "--limit", "40")
    check_ends(root, models, "demo_instructions,demo_knowledge", *tasks)


@pytest.mark.hub
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_on_real_tasks_with_a_real_model_and_a_sibling_of_half_its_layers(
    tmp_path: Path, real_model: Path, hub: Hub
) -> None:
    (tmp_path / "large").mkdir()  # runs are kept beside a model's files
    for file in (real_model / "SmolLM2-135M-Instruct").iterdir():
        if file.is_file():
            (tmp_path / "large" / file.name).symlink_to(file)
    make_sibling(tmp_path / "large", tmp_path / "small", layers=15)
    limit, tokens = ("3", "64") if IS_FULL else ("2", "16")
    asked = ("--limit", limit, "--gen-kwargs", f"max_gen_toks={tokens}")
    check_ends(tmp_path, ("small", "large"), "ifeval,gsm8k", *asked, env=hub.env)


def make_sibling(model: Path, into: Path, layers: int) -> None:
    """The same model without some of its layers: those that are left are spread evenly."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    count = len(network.model.layers)
    kept = [round(place * (count - 1) / (layers - 1)) for place in range(layers)]
    network.model.layers = torch.nn.ModuleList([network.model.layers[place] for place in kept])
    for place, layer in enumerate(network.model.layers):
        layer.self_attn.layer_idx = place
    network.config.num_hidden_layers = layers
    network.save_pretrained(into)
    AutoTokenizer.from_pretrained(model).save_pretrained(into)
