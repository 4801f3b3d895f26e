"""Token mixtures of odd requests and odd pairs: nothing to score, unequal windows and outputs, whole texts, NaN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance

from benchtui import api
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.protocol import ScoreRequest, Unobserved
from benchtui.worker.not_a_number import NotANumberError
from tests.worker.answering.hybrid.asked import together
from tests.worker.answering.hybrid.demo_pair import Told
from tests.worker.switching.pairs import Pair
from tests.worker.tiny_models import make_base, rewrite

WINDOWS, OUTPUTS = (48, 512), (7, 60)
"""Of the small and of the large model; outputs beyond the tokenizer's ids."""
THRESHOLD = 0.95
HEAD = "lm_head.weight"
TEXT = "the quick brown fox jumps over the lazy dog while the cat sleeps in the warm sun and counts to ten a b all day"


def louder(head: torch.Tensor, known: int) -> torch.Tensor:
    """An output matrix whose rows beyond the tokens have large probabilities."""
    return torch.cat([head[:known], 3 * head[known:]])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folders = [tmp_path_factory.mktemp("odd") / name for name in ("small", "large")]
    plain = make_base(folders[0] / "plain")
    tokenizer = AutoTokenizer.from_pretrained(plain)
    for folder, window, more in zip(folders, WINDOWS, OUTPUTS, strict=True):
        make_base(folder, max_position_embeddings=window, vocab_size=len(tokenizer) + more)
        rewrite(folder, lambda tensors: tensors | {HEAD: louder(tensors[HEAD], len(tokenizer))})
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32", "offline": True}
    with api.load(folders[0], **settings) as one, api.load(folders[1], **settings) as other:
        networks = tuple(AutoModelForCausalLM.from_pretrained(folder, dtype="float32") for folder in folders)
        yield Pair((one, other), networks, tokenizer)  # type: ignore[arg-type]


def as_lm_eval_asks(pair: Pair, threshold: float = THRESHOLD, told: Told | None = None) -> LmEvalModel:
    whole = HybridAnswering(together(pair, strategy="margin", threshold=str(threshold)), None)  # type: ignore[arg-type]
    return LmEvalModel(whole, pair.loaded[0]._prompts, told)


def mixed(pair: Pair, inputs: list[int], targets: list[int], threshold: float = THRESHOLD) -> tuple[float, int]:
    """The score of the last tokens by definition, out of both networks' logits, and the large one's tokens."""
    with torch.no_grad():
        rows = [network(torch.tensor([inputs])).logits[0, -len(targets) :].double() for network in pair.networks]
    small, large = ([row.log_softmax(-1)[place, token].item() for place, token in enumerate(targets)] for row in rows)
    best = rows[0][:, : len(pair.tokenizer)].softmax(-1).sort(-1, descending=True).values
    by_large = (1 - best[:, 0] + best[:, 1] >= threshold).numpy()
    return float(np.where(by_large, large, small).sum()), int(by_large.sum())


def instances(kind: str, *texts: tuple[str, ...]) -> list[Instance]:
    return [Instance(kind, {}, text, number, ("task", number, 1)) for number, text in enumerate(texts)]


def test_outputs_beyond_the_tokens_count_in_scores_and_not_in_signals(pair: Pair) -> None:
    counts = []
    for threshold in (0.6, 0.8, THRESHOLD):
        lm, asked = as_lm_eval_asks(pair, threshold), ("the cat", " sleeps in the warm sun")
        ids, ending = lm._encode_pair(*asked)
        ((found, _),) = lm.loglikelihood(instances("loglikelihood", asked), disable_tqdm=True)
        expected, large = mixed(pair, [*ids, *ending[:-1]], ending, threshold)
        assert found == pytest.approx(expected, abs=1e-4)
        counts.append(large)
    assert len(set(counts)) > 1


def test_contexts_are_cut_to_the_shorter_window_for_both(pair: Pair) -> None:
    told = Told()
    lm = as_lm_eval_asks(pair, told=told)
    assert lm.max_length == WINDOWS[0]
    pairs = [(f"{TEXT} {TEXT}", " the lazy dog"), (TEXT, " a"), ("", TEXT[:60])]
    found = lm.loglikelihood(instances("loglikelihood", *pairs), disable_tqdm=True)
    for (context, ending), (total, _) in zip(pairs, found, strict=True):
        before, after = lm._encode_pair(context, ending) if context else ([lm.prefix_token_id], pair.ids(ending))
        inputs = [*before, *after[:-1]][-WINDOWS[0] :]
        assert total == pytest.approx(mixed(pair, inputs, after)[0], abs=1e-4)
    assert any(facts.lost for facts in told.facts)


def test_whole_texts_are_scored_window_by_window_and_their_work_is_told(pair: Pair) -> None:
    told, texts = Told(), (TEXT, f"{TEXT} {TEXT} {TEXT}", "a", "")
    lm = as_lm_eval_asks(pair, told=told)
    found = lm.loglikelihood_rolling(instances("loglikelihood_rolling", *((text,) for text in texts)), True)
    chosen, tokens = 0, 0
    for text, total in zip(texts, found, strict=True):
        expected = 0.0
        for context, ending in lm._windows(pair.ids(text)):
            part, large = mixed(pair, [*context, *ending[:-1]], ending)
            expected, chosen, tokens = expected + part, chosen + large, tokens + len(ending)
        assert total == pytest.approx(expected, abs=1e-4)
    assert 0 < chosen < tokens
    assert sum(each.large.chosen for each in told.routed) == chosen
    assert sum(each.small.chosen for each in told.routed) == tokens - chosen
    assert sum(each.small.positions + each.large.positions for each in told.routed) == told.positions


def test_what_has_no_tokens_is_certain_and_asks_neither_model(pair: Pair) -> None:
    told = Told()
    found = as_lm_eval_asks(pair, told=told).loglikelihood(instances("loglikelihood", ("the cat", "")), True)
    assert (found, told.positions) == ([(0.0, True)], 0)
    as_lm_eval_asks(pair).answering.score([], lambda *_: None, Unobserved())


def test_equal_requests_have_equal_answers(pair: Pair) -> None:
    asked = instances("loglikelihood", *[("the cat", " sleeps"), ("a b", " all day")] * 3)
    found = as_lm_eval_asks(pair).loglikelihood(asked, disable_tqdm=True)
    assert found == found[:2] * 3


@pytest.mark.parametrize("side", [0, 1])
def test_a_model_that_computes_nan_ends_the_run(pair: Pair, side: int) -> None:
    network, ids = pair.loaded[side]._answering.lm.model, pair.ids("the lazy dog")  # type: ignore[attr-defined]
    weights = network.model.embed_tokens.weight
    kept = weights[ids[0]].clone()
    with torch.no_grad():
        weights[ids[0]] = torch.nan
    try:
        with pytest.raises(NotANumberError):
            as_lm_eval_asks(pair).answering.score(
                [ScoreRequest(ids, pair.ids(" all day"), ("the lazy dog", " all day"))], lambda *_: None, Unobserved()
            )
    finally:
        with torch.no_grad():
            weights[ids[0]] = kept
