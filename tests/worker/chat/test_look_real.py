"""What the models of a chat make of an answer's tokens is what transformers and scipy say: two real models that share
their weights but for an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.reports.chat.tokens import readings
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import Look
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.events import Candidate
from tests.worker.chat.talks import Talk, chat_plan

pytestmark = [pytest.mark.real, pytest.mark.slow]

TOKENS = 40  # more than are compared at once


def _logprobs(real: Path, answer: Answer, adapter: bool) -> Any:
    """The log-probabilities before each token of an answer, [tokens, vocabulary], float64."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, lora = real / "SmolLM2-135M-Instruct", real / "outputs" / "smollm2-gsm8k" / "lora"
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, lora)
    tokenizer = AutoTokenizer.from_pretrained(lora if adapter else folder)
    messages = [{"role": one.role, "content": one.content} for one in answer.asked.messages]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    ids = [token.id for token in answer.tokens]
    with torch.no_grad():
        logits = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits.double(), -1).numpy()


def test_divergence_entropy_and_the_likeliest_are_those_of_scipy(
    real_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy

    name = "SmolLM2-135M-Instruct"  # what the adapter calls its base, from the current folder
    (tmp_path / name).symlink_to(real_model / name)
    monkeypatch.chdir(tmp_path)
    models = {
        "base": real_model / "SmolLM2-135M-Instruct",
        "tuned": real_model / "outputs" / "smollm2-gsm8k" / "lora",
    }
    plan = chat_plan(tmp_path, models, dtype="float32")
    with Talk(RunDirectory(tmp_path / "m" / "chats" / "one"), plan) as talk:
        turn = talk.say("Janet has 16 eggs and eats 3. How many are left?")
        number = talk.ask(turn, 1, Sampling(max_new_tokens=TOKENS))
        answer = talk.answer(number)
        talk.write(Look(number=1, answer=number))
        talk.until(lambda: 0 in (found := readings(talk.conversation, number)) and found[0].done)
        reading = readings(talk.conversation, number)[0]
    assert not reading.problem
    assert len(reading.divergence) == len(answer.tokens) > 32
    base, tuned = (_logprobs(real_model, answer, adapter) for adapter in (False, True))
    ids = [token.id for token in answer.tokens]
    expected = jensenshannon(np.exp(tuned), np.exp(base), axis=-1) ** 2
    np.testing.assert_allclose(reading.divergence, expected, atol=2e-4)
    assert max(reading.divergence) > 0.1, "there is something to see"
    np.testing.assert_allclose(reading.entropy, entropy(np.exp(base), axis=-1), atol=2e-3)
    np.testing.assert_allclose([token.entropy for token in answer.tokens], entropy(np.exp(tuned), axis=-1), atol=2e-3)
    np.testing.assert_allclose(reading.logprob, base[range(len(ids)), ids], atol=2e-3)
    np.testing.assert_allclose([token.logprob for token in answer.tokens], tuned[range(len(ids)), ids], atol=2e-3)
    for rows, tops in ((base, reading.top), (tuned, [token.top for token in answer.tokens])):
        _same_tops(rows, tops)


def _same_tops(rows: Any, tops: list[tuple[Candidate, ...]]) -> None:
    for row, top in zip(rows, tops, strict=True):
        np.testing.assert_allclose([one.logprob for one in top], np.sort(row)[::-1][: len(top)], atol=2e-3)
        assert len(top) == 5
