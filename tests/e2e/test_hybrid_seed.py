"""The examples of eval_hybrid.py's guide as they are typed there, on real HellaSwag and MMLU: with two tiny models in
the place of the ids, and few samples."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.e2e.commands import benchtui
from tests.e2e.tiny import make_tiny_model

pytestmark = [pytest.mark.hub, pytest.mark.long]


class Hub(Protocol):
    env: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed")
    make_tiny_model(folder / "small", seed=1)
    make_tiny_model(folder / "large", seed=2)
    return folder


def typed(place: Path, hub: Hub, line: str) -> dict[str, Any]:
    """Type a line, and return the newest file in ./eval_results."""
    models = ["--slm", "small", "--llm", "large"]
    done = benchtui("hybrid", "run", *models, *shlex.split(line), "--limit", "2", cwd=place, env=hub.env)
    assert done.code == 0, done.err
    written = max((place / "eval_results").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    content: dict[str, Any] = json.loads(written.read_text())
    return content | {"file": written.name}


def test_example_1_compares_strategies_that_all_act_on_multiple_choice(place: Path, hub: Hub) -> None:
    lines = {
        "uncertainty_t0.5": "--tasks hellaswag --strategy uncertainty --threshold 0.5",
        "entropy_t2.0": "--tasks hellaswag --strategy entropy --threshold 2.0",
        "speculative_d4": "--tasks hellaswag --strategy speculative --num_drafts 4",
        "slm_only": "--tasks hellaswag --use_slm_only",
    }
    found = {mode: typed(place, hub, line) for mode, line in lines.items()}
    for mode, content in found.items():
        assert content["file"].startswith(f"hybrid_small_vs_large_{mode}_hellaswag_2")
        assert "acc,none" in content["results"]["hellaswag"]
        assert content["metadata"]["limit"] == 2.0
        assert content["metadata"]["slm_model_id"] == str(place / "small")
    assert found["speculative_d4"]["metadata"]["num_drafts"] == 4
    assert found["slm_only"]["metadata"]["use_slm_only"] is True
    routed = found["entropy_t2.0"]["metadata"]["routing_metrics"]
    assert routed["total_tokens"] == routed["slm_tokens"] + routed["llm_tokens"] > 0


def test_example_2_sweeps_a_threshold_that_is_no_no_op(place: Path, hub: Hub) -> None:
    shares = []
    for threshold in ("0.3", "0.9", "1.0"):
        name = f"uncertainty_t{threshold}.json"
        line = f"--tasks hellaswag --strategy uncertainty --threshold {threshold} --output_name {name}"
        content = typed(place, hub, line)
        assert content["file"] == name
        shares.append(content["metadata"]["routing_metrics"]["llm_tokens"])
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1], "a higher threshold leaves more to the small model"


def test_example_4_is_mmlu_with_examples_and_samples(place: Path, hub: Hub) -> None:
    content = typed(
        place, hub, "--tasks mmlu_anatomy --strategy uncertainty --threshold 0.5 --num_fewshot 5 "
        '--output_name "mmlu_5shot_uncertainty.json" --log_samples',
    )  # fmt: skip
    assert content["metadata"]["num_fewshot"] == 5
    samples = (place / "eval_results" / "mmlu_5shot_uncertainty_samples_mmlu_anatomy.jsonl").read_text().splitlines()
    assert len(samples) == 2


def test_example_5_loads_in_half_precision(place: Path, hub: Hub) -> None:
    content = typed(place, hub, "--tasks hellaswag --strategy uncertainty --threshold 0.5 --dtype bfloat16")
    assert content["metadata"]["dtype"] == "bfloat16"
