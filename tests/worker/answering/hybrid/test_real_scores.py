"""Token scores and mixtures on a real model of 135M parameters: numbers of lm-eval, from its folder and its GGUF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from benchtui import api
from benchtui.routing.sweep import Request, scores_by
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.next_token import TokenScore, TokenScorer
from benchtui.worker.answering.protocol import Answering, ScoreRequest, Unobserved

pytestmark = [pytest.mark.real, pytest.mark.gguf, pytest.mark.slow, pytest.mark.usefixtures("llama_cpp")]

PAIRS = [
    (context, ending)
    for context, endings in (
        ("The capital of France is", (" Paris.", " Rome, which is in Italy.", " a city")),
        ("A man is sitting on a roof. He", (" is using wrap to wrap a pair of skis.", " starts pulling up roofing.")),
        ("Question: What is 7 times 8?\nAnswer:", (" 56", " 54")),
        ("", ("It was the best of times, it was the worst of times",)),
    )
    for ending in endings
]


@pytest.fixture(scope="module")
def folder(real_model: Path) -> Path:
    return real_model / "SmolLM2-135M-Instruct"


@pytest.fixture(scope="module")
def models(folder: Path) -> Iterator[dict[str, Any]]:
    """The folder, its GGUF in float32, and both as one by margin."""
    file = folder.parent / f"{folder.name}.F32.gguf"
    settings: dict[str, Any] = {"device": "cpu", "offline": True}
    with (
        api.load(folder, dtype="float32", **settings) as hf,
        api.load(file, backend="gguf", kv_type="f32", **settings) as gguf,
    ):
        yield {"hf": hf, "gguf": gguf}


def answering(model: LoadedModel) -> Answering:
    return model._answering


def requests(model: LoadedModel) -> list[ScoreRequest]:
    return [ScoreRequest(*model._encoded(*pair), pair) for pair in PAIRS]


def token_scores(model: LoadedModel, asked: Sequence[ScoreRequest]) -> list[TokenScore]:
    found: dict[int, TokenScore] = {}
    scorer = answering(model)
    assert isinstance(scorer, TokenScorer)
    scorer.score_tokens(asked, "margin", found.__setitem__, Unobserved())
    return [found[place] for place in range(len(asked))]


def test_sums_of_tokens_are_lm_evals_log_likelihoods(models: dict[str, Any], folder: Path) -> None:
    theirs = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=1)
    instances = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(PAIRS)]
    expected = theirs.loglikelihood(instances, disable_tqdm=True)
    for name, within in (("hf", 1e-4), ("gguf", 2e-3)):
        for found, (total, greedy) in zip(token_scores(models[name], requests(models[name])), expected, strict=True):
            assert float(found.logprobs.sum(dtype=np.float64)) == pytest.approx(total, abs=within)
            assert bool(found.greedy.all()) == greedy


def test_signals_of_a_folder_and_of_its_gguf_are_the_same(models: dict[str, Any]) -> None:
    hf, gguf = (token_scores(models[name], requests(models["hf"])) for name in ("hf", "gguf"))
    for one, other in zip(hf, gguf, strict=True):
        assert one.signal is not None
        assert other.signal is not None
        np.testing.assert_allclose(one.signal, other.signal, atol=1e-3)
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=2e-3)


def test_a_folder_and_a_gguf_answer_together(models: dict[str, Any], folder: Path) -> None:
    """The mixture is what both alone say of the tokens, each in its own format."""
    file = folder.parent / f"{folder.name}.Q4_1.gguf"
    settings = {"device": "cpu", "dtype": "float32", "offline": True, "large": str(file), "strategy": "margin"}
    asked = requests(models["hf"])
    with api.load(file, backend="gguf", device="cpu") as quantised:
        alone = [token_scores(model, asked) for model in (models["hf"], quantised)]
    for threshold in (0.0, 0.6, 0.9, np.inf):
        with api.load(folder, backend="hybrid", threshold=str(threshold), **settings) as both:
            mixed = both.log_likelihood([context for context, _ in PAIRS], [ending for _, ending in PAIRS])
        for small, large, found in zip(*alone, mixed, strict=True):
            assert small.signal is not None
            request = Request(small.logprobs, large.logprobs, small.signal, small.greedy, large.greedy)
            by_large = small.signal >= threshold
            assert found.nats == pytest.approx(scores_by(request, by_large[None])[0], abs=1e-4)
            assert found.greedy == bool(np.where(by_large, large.greedy, small.greedy).all())
