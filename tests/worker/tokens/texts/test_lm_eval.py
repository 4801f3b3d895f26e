"""The tokens of an answer are those of lm-eval's log-likelihood of the same request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from lm_eval.api.instance import Instance

from benchtui import api
from benchtui.tokens.modes import REFERENCE
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.next_token import Distributions
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.tokens.texts.encode import encode_texts, unlike_lm_eval
from benchtui.worker.tokens.texts.ends import end_tokens
from tests.worker.tiny_models import make_base

REQUESTS = [
    ("the quick brown fox", " jumps over the lazy dog"),
    ("", "the lazy dog"),
    ("naïve 🙂", " 日本 🙂"),
    ("the cat ", "sleeps"),
    ("日", "本"),
]
ENDS_IN_LINE_END = ("the cat\n", "sleeps")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedModel]:
    folder = make_base(tmp_path_factory.mktemp("parity") / "tiny")
    with api.load(folder, device="cpu", dtype="float32", offline=True) as loaded:
        yield loaded


def ours(model: LoadedModel, requests: list[tuple[str, str]]) -> list[float]:
    """ln p of each answer, from whole distributions at the places of its tokens."""
    answering, found = model._answering, []
    assert isinstance(answering, Distributions)
    documents = [TokenDocument("made", *request, group="1") for request in requests]
    for tokens in encode_texts(documents, model.get_tokenizer()):
        parts = answering.distributions(tokens.ids[:-1].tolist(), tokens.first, Unobserved())
        rows = np.concatenate([part.logprobs for part in parts])
        found.append(float(rows[np.arange(len(tokens.scored)), tokens.scored].sum(dtype=np.float64)))
    return found


def lm_evals(model: LoadedModel, requests: list[tuple[str, str]]) -> list[float]:
    instances = [Instance("loglikelihood", {}, request, index) for index, request in enumerate(requests)]
    return [answer[0] for answer in model._lm.loglikelihood(instances, disable_tqdm=True)]


def unlike(model: LoadedModel, *requests: tuple[str, str]) -> int:
    tokenizer = model.get_tokenizer()
    documents = [
        TokenDocument("made", prompt, answer, group="1", written_by=REFERENCE, span=(0, len(answer)))
        for prompt, answer in requests
    ]
    return unlike_lm_eval(documents, encode_texts(documents, tokenizer), tokenizer)


def test_the_surprisal_of_an_answer_is_lm_evals(tiny: LoadedModel) -> None:
    assert ours(tiny, REQUESTS) == pytest.approx(lm_evals(tiny, REQUESTS), abs=1e-4)
    assert unlike(tiny, *REQUESTS) == 0


def test_where_lm_eval_divides_elsewhere_it_is_counted(tiny: LoadedModel) -> None:
    """It scores the line end behind the prompt as well."""
    assert unlike(tiny, *REQUESTS, ENDS_IN_LINE_END) == 1
    (own,), (other,) = ours(tiny, [ENDS_IN_LINE_END]), lm_evals(tiny, [ENDS_IN_LINE_END])
    assert own > other + 0.01


def test_of_answers_that_were_written_lm_eval_computes_nothing(tiny: LoadedModel) -> None:
    documents = [TokenDocument("made", *ENDS_IN_LINE_END, group="1", written_by="m")]
    tokenizer = tiny.get_tokenizer()
    assert unlike_lm_eval(documents, encode_texts(documents, tokenizer), tokenizer) == 0


@pytest.mark.real
def test_so_it_is_with_a_real_model(real_model: Path) -> None:
    folder = real_model / "SmolLM2-135M-Instruct"
    with api.load(folder, device="cpu", dtype="float32", offline=True) as model:
        chat = "<|im_start|>user\nWhat is 日本?<|im_end|>\n<|im_start|>assistant"
        requests = [*REQUESTS, (chat, "\nIt is Japan. 🙂")]
        assert ours(model, requests) == pytest.approx(lm_evals(model, requests), abs=1e-4)
        assert unlike(model, *requests) == 0
        assert unlike(model, (f"{chat}\n", "It is Japan.")) == 1
        answering = model._answering
        assert end_tokens(model.get_tokenizer(), answering.chat) == (2,)
        assert end_tokens(model.get_tokenizer(), None) == (2,)
