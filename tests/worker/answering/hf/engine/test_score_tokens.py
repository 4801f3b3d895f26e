"""What a model says of each token of continuations: transformers' own numbers, whoever computes them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy.special import digamma
from scipy.stats import entropy

from benchtui.errors import BenchtuiError
from benchtui.routing.rules import SignalName
from benchtui.routing.signals import of_logits
from benchtui.worker.answering.hf.engine import batching, output_head
from benchtui.worker.answering.hf.engine.packing import Costs
from benchtui.worker.answering.hf.engine.signals import SignalOfLogits
from benchtui.worker.answering.hf.lm_eval_engine import LmEvalEngine
from benchtui.worker.answering.next_token import TokenScore, TokenScorer
from benchtui.worker.answering.protocol import Answering, Score, ScoreRequest, Unobserved
from benchtui.worker.not_a_number import NotANumberError
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import Watcher, fast_model, model_for_lm_eval

SIGNALS: tuple[SignalName, ...] = get_args(SignalName)
PROBABLE = SIGNALS[:4]
TOLERANCE = 1e-4


def requests(seed: int = 0, known: int = 100) -> list[ScoreRequest]:
    """Endings that share contexts, some a part of others; a window's beginning cut off; one token after one token."""
    chance = random.Random(seed)  # noqa: S311

    def ids(length: int) -> list[int]:
        return [chance.randrange(3, known) for _ in range(length)]

    found = []
    for document, length in enumerate((40, 7, 1, 90)):
        context, ending = ids(length), ids(9)
        found += [ScoreRequest(context, ending[:n], ("c", str(n)), 0, document) for n in (1, 4, 9)]
        found.append(ScoreRequest(context, ids(3), ("c", "other"), min(5, length - 1), document))
    return [*found, ScoreRequest(ids(3), ids(60), ("whole",))]


def answers(model: Any, asked: Sequence[ScoreRequest], signal: SignalName | None, observer: Any = None) -> Any:
    found: dict[int, TokenScore] = {}
    assert isinstance(model, TokenScorer)

    def answered(place: int, score: TokenScore) -> None:
        assert place not in found
        found[place] = score

    model.score_tokens(asked, signal, answered, observer or Unobserved())
    return [found[place] for place in range(len(asked))]


def logits(network: Any, request: ScoreRequest) -> Any:
    """transformers' own before each token of the continuation, float64."""
    with torch.inference_mode():
        rows = network(torch.tensor([request.inputs])).logits[0]
    return rows[-len(request.continuation) :].double().numpy()


def by_hand(signal: SignalName, rows: Any) -> Any:
    """Each signal from its definition, out of logits of the known tokens."""
    shares = np.exp(rows - rows.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    best, evidence = -np.sort(-shares, -1), -np.sort(-rows, -1)[:, :10]
    with np.errstate(invalid="ignore"):
        total = evidence.sum(-1, keepdims=True)
        au = -(evidence / total * (digamma(evidence + 1) - digamma(total + 1))).sum(-1)
    positive = (evidence > 0).all(-1)
    return {
        "uncertainty": entropy(best[:, :10], axis=-1) / np.log(10),
        "entropy": entropy(shares, axis=-1),
        "margin": 1 - best[:, 0] + best[:, 1],
        "least-confidence": 1 - best[:, 0],
        "logtoku": np.where(positive, au, np.nan),
        "logtoku-eu": np.where(positive, 10 / (total[:, 0] + 10), np.nan),
    }[signal]


def assert_right(network: Any, model: Any, asked: list[ScoreRequest], signal: SignalName | None, known: int) -> None:
    for request, found in zip(asked, answers(model, asked, signal), strict=True):
        rows, ids = logits(network, request), list(request.continuation)
        given = (rows - np.logaddexp.reduce(rows, -1)[:, None])[np.arange(len(ids)), ids]
        assert (found.logprobs.dtype, found.greedy.dtype) == (np.float32, np.bool_)
        np.testing.assert_allclose(found.logprobs, given, atol=TOLERANCE)
        assert found.greedy.tolist() == (rows.argmax(-1) == ids).tolist()
        assert found.loglikelihood == pytest.approx(given.sum(), abs=TOLERANCE)
        if signal is None:
            assert found.signal is None
        else:
            assert found.signal is not None
            assert found.signal.dtype == np.float32
            np.testing.assert_allclose(found.signal, by_hand(signal, rows[:, :known]), atol=TOLERANCE)


@pytest.mark.parametrize("signal", [None, *SIGNALS])
@pytest.mark.parametrize("outputs", [zoo.VOCABULARY, zoo.VOCABULARY + 60])
def test_numbers_are_those_of_their_definitions(signal: SignalName | None, outputs: int, tokenizer: Any) -> None:
    """Some networks have more outputs than the tokenizer has ids: a signal does not see those."""
    network = zoo.make_model("llama", vocab_size=outputs)
    model = fast_model(pretrained=network, tokenizer=tokenizer, batch_size=3).answering
    assert_right(network, model, requests(known=len(tokenizer)), signal, len(tokenizer))


@pytest.mark.parametrize("family", ["gpt2", "gemma3", "cohere", "bloom", "falcon_h1"])
def test_every_family_scores_tokens(family: str, tokenizer: Any) -> None:
    """Soft-capped, scaled, without masks of one's own, and one that the engine cannot answer for."""
    network = zoo.make_model(family)
    model = fast_model(pretrained=network, tokenizer=tokenizer, batch_size=4).answering
    assert_right(network, model, requests(1, len(tokenizer)), "margin", len(tokenizer))


@pytest.mark.parametrize(
    "costs",
    [Costs(0, 0, 0), Costs(0, 1e9, 0), Costs(1e9, 1e9, 0)],
    ids=["every prefix kept", "whole trees packed", "every prefix repeated"],
)
def test_however_rows_are_shared_and_the_head_is_divided(
    costs: Costs, llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "costs", lambda backbone: costs)
    monkeypatch.setitem(output_head._CHUNK_BYTES, "cpu", 1)
    monkeypatch.setattr(output_head, "_FEWEST_POSITIONS", 5)
    model = fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=2).answering
    assert_right(llama, model, requests(2, len(tokenizer)), "uncertainty", len(tokenizer))


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_sums_are_those_of_log_likelihoods_bit_for_bit(family: str, tokenizer: Any) -> None:
    """Also in 16 bits, where a sum of rounded numbers is not the rounded sum; and nothing is computed twice."""
    for network in (zoo.make_model(family), zoo.make_model(family).to(torch.bfloat16)):
        model: Any = fast_model(pretrained=network, tokenizer=tokenizer, batch_size=4).answering
        asked, whole, seen = requests(3), {}, (Watcher(), Watcher())
        model.score(asked, whole.__setitem__, seen[0])
        tokens = answers(model, asked, "uncertainty", seen[1])
        for place, found in enumerate(tokens):
            assert Score(found.loglikelihood, bool(found.greedy.all())) == whole[place]
        assert seen[0].counts == seen[1].counts
        assert seen[0].batches == seen[1].batches


@pytest.mark.parametrize("signal", PROBABLE)
def test_lm_evals_own_code_is_replaced_by_whole_distributions(signal: SignalName, llama: Any, tokenizer: Any) -> None:
    model = model_for_lm_eval(LmEvalEngine(pretrained=llama, tokenizer=tokenizer, batch_size=2)).answering
    assert_right(llama, model, requests(4, len(tokenizer))[:5], signal, len(tokenizer))


def test_raw_logits_are_refused_by_name_where_there_are_none(llama: Any, tokenizer: Any) -> None:
    model = model_for_lm_eval(LmEvalEngine(pretrained=llama, tokenizer=tokenizer, batch_size=2)).answering
    with pytest.raises(BenchtuiError, match="logtoku needs raw logits"):
        answers(model, requests(), "logtoku")


def test_a_model_that_computes_nan_is_stopped_in_its_batch(tokenizer: Any) -> None:
    """Which request of a batch it was cannot be told: NaN spreads over all that share a row."""
    network = zoo.make_model("llama")
    asked = [ScoreRequest([5, 6], [7, 8], ("fine",)), ScoreRequest([11, 9, 5], [7, 8, 4], ("broken",))]
    with torch.no_grad():
        network.model.embed_tokens.weight[9] = torch.nan
    model: Answering = fast_model(pretrained=network, tokenizer=tokenizer, batch_size=1).answering
    with pytest.raises(NotANumberError) as error:
        answers(model, asked, "entropy", seen := Watcher())
    assert error.value.request is None
    assert ("broken",) in seen.batches[-1]


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("signal", SIGNALS)
def test_signals_of_a_large_vocabulary_are_those_of_all_its_logits(signal: SignalName, holes: bool) -> None:
    """Also where some ids are no tokens, or impossible."""
    rows = 4 * np.random.default_rng(8).normal(size=(5, 50_011)).astype(np.float32)
    rows[1, 7:4_000] = -np.inf
    rows[2] = np.arange(50_011) / 5_000
    known = np.ones(50_000, np.bool_)
    known[[3, 49_990]] = not holes
    found = SignalOfLogits(signal, known)(torch.from_numpy(rows))
    inside = rows[:, :50_000][:, known].astype(np.float64)
    np.testing.assert_allclose(found, by_hand(signal, inside), atol=1e-5)
    np.testing.assert_allclose(found, of_logits(signal, rows[:, :50_000][:, known]), atol=1e-5)
