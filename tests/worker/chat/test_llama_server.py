"""A real llama-server in a chat: the tokens that transformers writes, and nothing of earlier turns read again."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tests.conftest import absent
from tests.llama_server import LlamaServer, llama_server
from tests.worker.answering.openai.llama_asking import FOLDER, S260
from tests.worker.chat.served import PLAIN, Said, asking, openai_model

pytestmark = [pytest.mark.llama_server, pytest.mark.hub]


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "no llama-server: install xllamacpp")
    if not S260.is_file():
        absent("hub", "no hub beside the checkout")
    with llama_server(S260, context=512) as found:
        yield found


@pytest.fixture(scope="module")
def said(server: LlamaServer) -> Iterator[Said]:
    with asking(openai_model(server.url, "completions", PLAIN)) as found:
        yield found


@pytest.fixture(scope="module")
def reference() -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER), AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)


def rendered(messages: Sequence[str]) -> str:
    turns = [f"<{('user', 'assistant')[place % 2]}>{text} " for place, text in enumerate(messages)]
    return "".join(turns) + "<assistant>"


def test_greedy_answers_are_those_of_generate_turn_after_turn(said: Said, reference: tuple[Any, Any]) -> None:
    import torch

    tokenizer, model = reference
    messages: list[str] = []
    for turn, text in enumerate(["Once upon a time", "And then?", "The end?"]):
        ended = said.ask(*messages, text)
        prompt = tokenizer(rendered([*messages, text]), return_tensors="pt")["input_ids"]
        found = model.generate(prompt, do_sample=False, max_new_tokens=16)[0, prompt.shape[1] :].tolist()
        assert [token.id for token in said.tokens] == found
        assert (ended.finish, ended.tokens, ended.prompt) == ("length", 16, prompt.shape[1])
        assert said.prompt == rendered([*messages, text])
        assert said.text.strip() == tokenizer.decode(found).strip()
        if turn:
            assert (ended.cached or 0) > len(tokenizer(rendered(messages[:-1])[:-12])["input_ids"]) // 2
        messages += [text, said.text]
    with torch.no_grad():
        places = torch.log_softmax(model(torch.cat([prompt, torch.tensor([found])], 1)).logits[0].double(), -1).numpy()
    for place, token in enumerate(said.tokens):
        row = places[prompt.shape[1] - 1 + place]
        assert token.logprob == pytest.approx(row[token.id], abs=1e-4)
        assert [one.logprob for one in token.top] == pytest.approx(np.sort(row)[::-1][:5].tolist(), abs=1e-4)


def test_a_seed_gives_the_same_answer_and_another_one_another(said: Said) -> None:
    texts = []
    for seed in (1, 1, 2):
        said.ask("Once upon", temperature=1.0, seed=seed, max_new_tokens=24)
        texts.append(said.text)
    assert texts[0] == texts[1] != texts[2]


def test_stopped_continued_full_and_cancelled(said: Said) -> None:
    said.ask("Once upon a time")
    whole = said.text
    stop = whole[6:10]
    ended = said.ask("Once upon a time", stop=(stop,))
    assert (said.text, ended.finish) == (whole[: whole.index(stop)], "stop")
    said.ask("Once upon a time", begin=whole[:8])
    assert said.prompt.endswith(f"<assistant>{whole[:8]}")
    said.read.clear()
    prompt = said.ask("word " * 100).prompt
    assert (said.read[0], said.read[-1]) == (None, prompt), "how far it is read is told"
    assert said.ask("Once upon a time", max_new_tokens=2000).finish == "window"
    assert "leaves no room" in said.ask("word " * 600).what
    said.begin("Once upon a time", max_new_tokens=400, temperature=1.0)
    end = time.monotonic() + 20
    while not said.text and time.monotonic() < end:
        time.sleep(0.002)
    asked = time.monotonic()
    said.cancel()
    assert said.over().finish in ("cancelled", "end")
    assert time.monotonic() - asked < 0.2


def test_its_chat_route_with_its_own_template(server: LlamaServer) -> None:
    with asking(openai_model(server.url)) as found:
        ended = found.ask("Once upon a time")
        assert found.speaker.ready.tells_tokens
        assert (ended.finish, ended.tokens, len(found.tokens)) == ("length", 16, 16)
        found.ask("Once upon a time", begin="Lily", max_new_tokens=4)
        assert found.ended is not None
        assert found.ended.finish == "length"
