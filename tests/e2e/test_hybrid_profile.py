"""`benchtui hybrid profile` on the demo's pair, against transformers' own logits."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths
from tests.e2e.commands import benchtui

pytestmark = pytest.mark.slow
MODELS = demo_paths().shipped / "models"
SMALL, LARGE = MODELS / SMALL_NAME, MODELS / BASE_NAME
LINES = ["Where does Kavan live?", "What is the trade of Rumar?", "Which island is Harholm on?", "Tell me of the sea."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    data = folder / "lines.jsonl"
    lines = [{"q": line, "a": f"{line} It is far away from here."} for line in LINES * 3]
    data.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    done = benchtui(
        "hybrid", "profile", "--slm", SMALL, "--llm", LARGE, "--data", data, "--prompt", "q", "--answer", "a",
        "--chat-template", "off", "--dtype", "float32", "--device", "cpu", "--json", "--cost", "0.2", cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    result: dict[str, Any] = json.loads(done.out)
    return result


@pytest.fixture(scope="module")
def by_hand(found: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Margins of the small model and where the large one differs, at the tokens that the run has scored."""
    from transformers import AutoModelForCausalLM

    from benchtui.results.tokens import find_tokens

    del found
    texts = find_tokens(folder / "outputs", None).store.texts(0)
    networks = [AutoModelForCausalLM.from_pretrained(path, dtype="float32") for path in (SMALL, LARGE)]
    margins: list[float] = []
    differs: list[bool] = []
    for tokens in texts.tokens:
        with torch.no_grad():
            small, large = (
                network(torch.tensor([tokens.ids.tolist()])).logits[0, tokens.first - 1 : -1].double().softmax(-1)
                for network in networks
            )
        top = small.sort(-1, descending=True).values
        margins += (1 - (top[:, 0] - top[:, 1])).tolist()
        differs += (small.argmax(-1) != large.argmax(-1)).tolist()
    return {"margins": np.array(margins), "differs": np.array(differs)}


def test_signals_are_those_of_the_small_models_distributions(found: dict[str, Any], by_hand: dict[str, Any]) -> None:
    margins, differs = by_hand["margins"], by_hand["differs"]
    margin = next(signal for signal in found["signals"] if signal["name"] == "margin")
    assert found["tokens"] == len(margins)
    assert found["differing"] == differs.sum()
    assert margin["values"]["mean"] == pytest.approx(margins.mean(), abs=1e-4)
    assert margin["values"]["std"] == pytest.approx(margins.std(), abs=1e-4)
    u = mannwhitneyu(margins[differs], margins[~differs]).statistic
    assert margin["auroc"] == pytest.approx(u / (differs.sum() * (~differs).sum()), abs=1e-3)
    for at in margin["thresholds"]:
        assert at["threshold"] == pytest.approx(np.quantile(margins, 1 - at["wanted"]), abs=1e-3)


def test_a_profile_is_made_again_without_the_models(found: dict[str, Any], folder: Path) -> None:
    again = benchtui("hybrid", "profile", "--run", "islands-80k", "--json", "--cost", "0.2", cwd=folder)
    assert again.code == 0, again.err
    assert json.loads(again.out) == found


def test_the_tables_say_what_to_take_and_what_it_costs(found: dict[str, Any], folder: Path) -> None:
    shown = benchtui("hybrid", "profile", "--run", "islands-80k", "--cost", "0.2", cwd=folder)
    assert shown.code == 0, shown.err
    assert f"Take --strategy {found['recommended']}" in shown.out
    assert "is not compute" in shown.out
    assert "drafts" in shown.out
    assert all(name in shown.out for name in ("uncertainty", "entropy", "margin", "least-confidence", "logtoku"))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_number_is_cut_off_in_a_narrow_terminal(found: dict[str, Any], folder: Path, width: int) -> None:
    from rich.console import Console

    from benchtui.compare.hybrid.profiled import profiled
    from benchtui.reports.hybrid.profile import print_profile
    from benchtui.results.tokens import find_tokens

    console = Console(width=width, record=True, file=io.StringIO())
    print_profile(profiled(find_tokens(folder / "outputs", None), 0, 1, (0.1, 0.2, 0.3, 0.5), 0.2), console)
    shown = console.export_text()
    assert "…" not in shown
    assert all(f"{signal['values']['mean']:.4g}" in shown for signal in found["signals"])


def test_a_file_is_written_and_another_kind_refused(found: dict[str, Any], folder: Path) -> None:
    done = benchtui("hybrid", "profile", "--run", "islands-80k", "--output", "p.json", "--cost", "0.2", cwd=folder)
    assert done.code == 0, done.err
    assert json.loads((folder / "p.json").read_text()) == found
    refused = benchtui("hybrid", "profile", "--run", "islands-80k", "--output", "p.txt", cwd=folder)
    assert refused.code == 2
    assert ".json" in refused.err


def test_without_texts_or_a_model_it_is_said_what_is_missing(folder: Path) -> None:
    assert "--tasks" in benchtui("hybrid", "profile", "--small", SMALL, cwd=folder).err
    assert "--small" in benchtui("hybrid", "profile", cwd=folder).err
    assert "--small" in benchtui("hybrid", "profile", "--large", LARGE, cwd=folder).err


def test_a_small_model_alone_writes_the_texts_itself(folder: Path) -> None:
    alone = folder / "alone"
    alone.mkdir()
    done = benchtui(
        "hybrid", "profile", "--small", SMALL, "--prompt", "Where does Kavan live?", "--mode", "own",
        "--max-new-tokens", "12", "--chat-template", "off", "--dtype", "float32", "--device", "cpu", "--json",
        cwd=alone,
    )  # fmt: skip
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["large"], result["differing"], result["greedy"]) == (None, None, [])
    assert 1 <= result["tokens"] <= 13
