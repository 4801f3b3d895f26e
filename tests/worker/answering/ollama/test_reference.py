"""Greedy answers that two real servers gave, against the same file read in this process: within the bounds of what two
builds of llama.cpp differ by."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.worker.answering.protocol import Unobserved
from tests.worker.answering.ollama.recorded import NEW, OLD, Exchange, exchanges

pytestmark = [pytest.mark.recordings, pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp", "recordings")]


def references(file: str) -> list[Exchange]:
    """The answers of the smollm2 model that came with log-probabilities."""
    named = [exchange for exchange in exchanges(file) if exchange.name.startswith("reference-raw")]
    return [exchange for exchange in named if "logprobs" in exchange.answer]


@pytest.mark.real
@pytest.mark.long
@pytest.mark.parametrize("file", [NEW, OLD])
def test_the_real_model_answers_as_the_servers_did(file: str, real_model: Path) -> None:
    from benchtui.worker.answering.ollama.agreement import Agreement
    from benchtui.worker.answering.ollama.answers import read_logprobs
    from tests.worker.answering.gguf.files import open_gguf

    own, agreement = open_gguf(real_model / "SmolLM2-135M-Instruct.Q4_1.gguf", settings={}), Agreement()
    for exchange in references(file):
        logprobs = read_logprobs(exchange.answer["logprobs"])
        agreement.compare(own, exchange.asked["prompt"], logprobs, Unobserved())
    own.close()
    assert len(references(file)) == 20
    assert len(agreement.differences) > 200
    assert agreement.problem(quantised=True) == ""
    assert agreement.equal_texts >= 5
