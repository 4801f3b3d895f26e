"""The likeliest tokens by vLLM, one request a text, against hf on the same real model; BENCHTUI_TEST_VLLM names the
Python of its environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.protocol import Unobserved
from tests.conftest import ROOT, VLLM, absent

pytestmark = [pytest.mark.vllm, pytest.mark.long, pytest.mark.timeout(1500)]

TEXTS = (
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "Janet sells 16 - 3 - 4 = 9 duck eggs a day.\nShe makes 9 * 2 = $18 every day.",
    "naïve 🙂 日本",
)
K = 20
CLOSE = 1e-3


@pytest.mark.parametrize("adapter", [None, "smollm2-gsm8k"])
def test_the_likeliest_tokens_are_those_of_hf(adapter: str | None, real_model: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not VLLM:
        absent("vllm", "BENCHTUI_TEST_VLLM names no Python with vLLM")
    folder = real_model / "SmolLM2-135M-Instruct"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [(tokenizer(text)["input_ids"], 1 + number) for number, text in enumerate(TEXTS)]
    where = None if adapter is None else _adapter(real_model / "outputs" / adapter)
    asked = {"model": str(folder), "adapter": where, "texts": texts, "k": K}
    command = [VLLM, "-m", "tests.worker.answering.vllm.told_tops"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["tokens"] == [49152, tokenizer.decode(texts[0][0][-1])]

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if where is not None:
        model = PeftModel.from_pretrained(model, where)
    distributions = TextDistributions(model.eval(), 512)
    for (ids, first), (begins, top_ids, top, given, rank) in zip(texts, told["tops"], strict=True):
        assert begins == first
        rows = np.concatenate([chunk.logprobs for chunk in distributions.of(ids, first, Unobserved())])[:-1]
        own = rows[np.arange(len(rows)), ids[first:]]
        np.testing.assert_allclose(given, own, atol=CLOSE)
        np.testing.assert_allclose(top, -np.sort(-rows, axis=1)[:, :K], atol=CLOSE)
        np.testing.assert_allclose(top, np.take_along_axis(rows, np.array(top_ids), axis=1), atol=CLOSE)
        wanted = 1 + (rows > own[:, None]).sum(axis=1)
        near = np.abs(np.sort(np.abs(rows - own[:, None]), axis=1)[:, 1]) < CLOSE  # a tie but for rounding
        assert (np.array(rank) == wanted)[~near].all()


def _adapter(place: Path) -> str:
    """The folder of an adapter in the outputs of a fine-tuning."""
    return str(next(file.parent for file in sorted(place.rglob("adapter_config.json"))))
