"""Every prompt reaches the model with one BOS token, whether the chat template writes it or the tokenizer adds it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM

from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import ask, fast_model, lm_eval_engine

BOS = 0
TEMPLATE = "{{ bos_token }}{% for message in messages %}[INST] {{ message['content'] }} [/INST]{% endfor %}"
ENGINES = {"lm-eval": HFLM, "lm-eval, observed": lm_eval_engine, "benchtui": fast_model}
QUESTIONS = ["the river opens", "the small lamp is under the stone and the river"]
CONTINUATION, WRITTEN = " the stone", 12


@pytest.fixture(scope="module")
def model() -> Any:
    return zoo.make_model("llama")


@pytest.fixture(scope="module", params=[True, False], ids=["tokenizer adds it", "tokenizer adds none"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    tokenizer = exam.make_tokenizer(request.param)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture(params=ENGINES)
def lm(request: pytest.FixtureRequest, model: Any, tokenizer: Any) -> Any:
    return ENGINES[request.param](pretrained=model, tokenizer=tokenizer, batch_size=2)


def prompts(lm: Any, *, templated: bool) -> list[str]:
    if not templated:
        return QUESTIONS
    return [lm.apply_chat_template([{"role": "user", "content": question}]) for question in QUESTIONS]


def ids_with(tokenizer: Any, text: str, beginnings: int) -> list[int]:
    """The tokens of a text with so many BOS tokens before it."""
    bare = tokenizer(text.removeprefix("<s>"), add_special_tokens=False)["input_ids"]
    assert BOS not in bare
    return [BOS] * beginnings + bare


def log_likelihood(model: Any, tokenizer: Any, prompt: str, beginnings: int) -> float:
    context, whole = (ids_with(tokenizer, text, beginnings) for text in (prompt, prompt + CONTINUATION))
    with torch.no_grad():
        logits = torch.log_softmax(model(torch.tensor([whole])).logits[0].float(), -1)
    return sum(float(logits[place - 1, whole[place]]) for place in range(len(context), len(whole)))


def written(model: Any, tokenizer: Any, prompt: str, beginnings: int) -> str:
    ids = torch.tensor([ids_with(tokenizer, prompt, beginnings)])
    made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=WRITTEN, do_sample=False)
    text: str = tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
    return text


@pytest.mark.parametrize("templated", [True, False], ids=["chat template", "plain"])
def test_choices_are_scored_behind_one_bos(lm: Any, model: Any, tokenizer: Any, templated: bool) -> None:
    texts = prompts(lm, templated=templated)
    requests = exam.instances("t", [("loglikelihood", (text, CONTINUATION), n) for n, text in enumerate(texts)])
    begun = 1 if templated or len(tokenizer("a")["input_ids"]) > len(tokenizer.tokenize("a")) else 0
    expected = [log_likelihood(model, tokenizer, text, begun) for text in texts]
    assert [value for value, _ in ask(lm, requests)] == pytest.approx(expected, abs=1e-4)
    doubled = [log_likelihood(model, tokenizer, text, begun + 1) for text in texts]
    assert expected != pytest.approx(doubled, abs=1e-3), "a second BOS would be seen"


@pytest.mark.parametrize("templated", [True, False], ids=["chat template", "plain"])
def test_answers_are_written_behind_one_bos(lm: Any, model: Any, tokenizer: Any, templated: bool) -> None:
    texts = prompts(lm, templated=templated)
    settings = {"until": [], "max_gen_toks": WRITTEN}
    requests = exam.instances("t", [("generate_until", (text, settings), n) for n, text in enumerate(texts)])
    begun = 1 if templated or len(tokenizer("a")["input_ids"]) > len(tokenizer.tokenize("a")) else 0
    expected = [written(model, tokenizer, text, begun) for text in texts]
    assert ask(lm, requests) == expected
    assert expected != [written(model, tokenizer, text, begun + 1) for text in texts], "a second BOS would be seen"
