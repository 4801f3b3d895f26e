"""vLLM in the process of a chat's worker writes what hf writes. BENCHTUI_TEST_VLLM names the Python that has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VLLM, absent
from tests.e2e.commands import benchtui

pytestmark = [pytest.mark.vllm, pytest.mark.real, pytest.mark.long, pytest.mark.timeout(900)]


def test_turns_are_answered_as_by_hf(real_model: Path, tmp_path: Path) -> None:
    if not VLLM:
        absent("vllm", "BENCHTUI_TEST_VLLM names no Python with vLLM")
    (tmp_path / "outputs" / "smol").mkdir(parents=True)
    (tmp_path / "outputs" / "smol" / "merged_16bit").symlink_to(real_model / "SmolLM2-135M-Instruct")
    turns = ("--prompt", "What is the capital of France?", "--prompt", "And of Italy?", "--max-new-tokens", "24")
    found: list[list[dict[str, Any]]] = []
    for model in (("smol",), ("vllm:smol", "--python", VLLM)):
        done = benchtui("chat", *model, *turns, "--json", "--offline", cwd=tmp_path, timeout=600)
        assert done.code == 0, done.err
        found.append([json.loads(line) for line in done.out.splitlines()])
    told = [[(one["text"], one["finish"], one["tokens"], one["prompt_tokens"]) for one in lines] for lines in found]
    assert told[0] == told[1]
    assert len(told[0]) == 2
