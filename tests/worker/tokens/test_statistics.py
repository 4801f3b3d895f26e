"""Numbers of distributions against scipy in float64, closed forms, and what rounding must not do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.special import entr, log_softmax, rel_entr, softmax

from benchtui.tokens.records import PairScores, TokenScores
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.protocol import OutOfMemoryError
from benchtui.worker.tokens.statistics import (
    KnownTokens,
    distributions,
    in_chunks,
    pair_scores,
    rows_at_once,
    token_scores,
)
from tests.worker.answering.hf.engine import zoo

EVERY = KnownTokens(zoo.VOCABULARY)


def logits_of(seed: int, *, scale: float = 1.0) -> torch.Tensor:
    """Logits [300, vocabulary] of a real model over random text."""
    torch.manual_seed(seed)
    model = zoo.make_model("llama")
    ids = torch.randint(3, zoo.VOCABULARY, (6, 50), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found: torch.Tensor = model(ids).logits.flatten(0, 1) * scale
    return found


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    first = logits_of(1, scale=3.0)
    noise = torch.randn(first.shape, generator=torch.Generator().manual_seed(5))
    return first, first + noise


def scored(logits: torch.Tensor, ids: NDArray[np.int32], known: KnownTokens = EVERY) -> TokenScores:
    return token_scores(distributions(logits, known), ids)


def compared(first: torch.Tensor, second: torch.Tensor, known: KnownTokens = EVERY) -> PairScores:
    return pair_scores(distributions(first, known).logprobs, distributions(second, known).logprobs)


def some_ids(rows: int) -> NDArray[np.int32]:
    return np.random.default_rng(3).integers(0, zoo.VOCABULARY, rows).astype(np.int32)


def test_numbers_of_one_model_are_those_of_scipy(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits = pair[0]
    exact, ids = logits.double().numpy(), some_ids(len(logits))
    logprobs = log_softmax(exact, -1)
    given = logprobs[np.arange(len(ids)), ids]
    found = scored(logits, ids)
    np.testing.assert_allclose(found.logprob, given, atol=1e-5)
    np.testing.assert_allclose(found.entropy, entr(softmax(exact, -1)).sum(-1), atol=1e-5)
    np.testing.assert_allclose(found.logprob + found.logsumexp, exact[np.arange(len(ids)), ids], atol=1e-5)
    assert (found.rank == (logprobs > given[:, None]).sum(-1) + 1).all()
    order = np.argsort(-exact, -1, kind="stable")[:, :10]
    np.testing.assert_allclose(found.top_logprobs, np.take_along_axis(logprobs, order, -1), atol=1e-5)
    assert (found.top_ids == order).all()


def test_divergences_are_those_of_scipy(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    p, q = (softmax(logits.double().numpy(), -1) for logits in pair)
    found = compared(*pair)
    np.testing.assert_allclose(found.kl, rel_entr(p, q).sum(-1), atol=1e-5)
    np.testing.assert_allclose(found.kl_reverse, rel_entr(q, p).sum(-1), atol=1e-5)
    np.testing.assert_allclose(np.sqrt(found.js), jensenshannon(p, q, axis=-1), atol=1e-5)  # scipy's is the root
    np.testing.assert_allclose(found.tv, np.abs(p - q).sum(-1) / 2, atol=1e-5)
    top = np.take_along_axis(p, q.argmax(-1)[:, None], -1)
    assert (found.shift == (p > top).sum(-1) + 1).all()
    assert (found.same_top == (p.argmax(-1) == q.argmax(-1))).all()


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_chunks_do_not_change_numbers(pair: tuple[torch.Tensor, torch.Tensor], rows: int) -> None:
    whole, ids = compared(*pair), some_ids(len(pair[0]))
    parts = list(in_chunks(len(pair[0]), rows, lambda piece: compared(pair[0][piece], pair[1][piece])))
    for name in ("kl", "kl_reverse", "js", "tv"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(joined, getattr(whole, name), atol=1e-6)
    of_one = list(in_chunks(len(ids), rows, lambda piece: scored(pair[0][piece], ids[piece])))
    for name in ("logprob", "entropy"):
        joined = np.concatenate([getattr(part, name) for part in of_one])
        np.testing.assert_allclose(joined, getattr(scored(pair[0], ids), name), atol=1e-6)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_equal_models_do_not_differ(scale: float) -> None:
    logits = logits_of(1, scale=scale)
    found = compared(logits, logits.clone())
    for numbers in (found.kl, found.kl_reverse, found.tv):
        assert (numbers == 0).all()
    assert np.abs(found.js).max() <= 1e-6
    assert (found.shift == 1).all()


def test_an_even_distribution_has_the_greatest_entropy() -> None:
    found = scored(torch.full((2, zoo.VOCABULARY), 7.5), np.array([0, 5], np.int32))
    np.testing.assert_allclose(found.entropy, math.log(zoo.VOCABULARY), atol=1e-6)
    np.testing.assert_allclose(found.logprob, -math.log(zoo.VOCABULARY), atol=1e-6)


def test_disjoint_distributions_are_as_far_as_can_be() -> None:
    first, second = torch.full((1, 8), -200.0), torch.full((1, 8), -200.0)
    first[0, 1], second[0, 2] = 0.0, 0.0
    found = compared(first, second, KnownTokens(8))
    assert found.js[0] <= np.float32(math.log(2))
    assert (found.js[0], found.tv[0]) == pytest.approx((math.log(2), 1.0))


def test_a_token_that_is_impossible_in_the_second_makes_kl_infinite() -> None:
    first, second = torch.zeros(1, 4), torch.tensor([[0.0, 0.0, 0.0, -math.inf]])
    found = compared(first, second, KnownTokens(4))
    assert found.kl[0] == np.inf
    assert found.kl_reverse[0] == pytest.approx(math.log(4 / 3))
    both = compared(second, second.clone(), KnownTokens(4))
    assert (both.kl[0], both.js[0], both.tv[0]) == (0, 0, 0)


@pytest.mark.parametrize("filler", ["random", "zero", "low"])
def test_rows_that_are_no_tokens_change_nothing(pair: tuple[torch.Tensor, torch.Tensor], filler: str) -> None:
    """128 rows more, and all logits shifted: the distributions over the tokens are the same."""
    logits = pair[0]
    rows = {
        "random": torch.randn((len(logits), 128), generator=torch.Generator().manual_seed(2)),
        "zero": torch.zeros(len(logits), 128),
        "low": torch.full((len(logits), 128), -1e4),
    }[filler]
    padded = torch.cat([logits, rows], -1) + 3.0
    found = compared(logits, padded)
    assert max(found.kl.max(), found.kl_reverse.max()) <= 1e-6
    removed = distributions(padded, EVERY).removed.double().numpy()
    exact = softmax(padded.double().numpy(), -1)[:, zoo.VOCABULARY :].sum(-1)
    np.testing.assert_allclose(removed, exact, atol=1e-6, rtol=1e-4)
    assert (removed.max() > 1e-6) == (filler != "low")


def test_only_ids_with_bytes_are_known() -> None:
    vocabulary = StoredVocabulary.of([(b"a", False), (b"", True), (b"b", False), (b"", True), (b"", True)])
    known = KnownTokens.of(vocabulary)
    assert (known.count, known.holes) == (3, (1,))
    found = distributions(torch.zeros(1, 5), known)
    np.testing.assert_allclose(found.logprobs.exp().numpy(), [[0.5, 0.0, 0.5]], atol=1e-6)
    assert float(found.removed) == pytest.approx(3 / 5)
    assert float(token_scores(found, np.array([0], np.int32)).entropy[0]) == pytest.approx(math.log(2))


def test_an_id_that_a_model_has_no_row_for_is_impossible() -> None:
    found = distributions(torch.zeros(1, 3), KnownTokens(4))
    np.testing.assert_allclose(found.logprobs.exp().numpy(), [[1 / 3, 1 / 3, 1 / 3, 0]], atol=1e-6)
    assert token_scores(found, np.array([3], np.int32)).logprob[0] == -np.inf


def test_where_memory_runs_out_fewer_rows_are_taken() -> None:
    asked: list[tuple[int, int]] = []

    def compute(piece: slice) -> int:
        asked.append((piece.start, piece.stop))
        if piece.stop - piece.start > 3:
            raise torch.OutOfMemoryError
        return int(piece.stop - piece.start)

    assert list(in_chunks(10, 8, compute)) == [2, 2, 2, 2, 2]
    assert asked[:3] == [(0, 8), (0, 4), (0, 2)]

    def never(piece: slice) -> Any:
        raise MemoryError

    with pytest.raises(OutOfMemoryError, match="a single token"):
        list(in_chunks(10, 8, never))


def test_a_chunk_holds_a_bounded_part_of_the_vocabulary() -> None:
    assert rows_at_once("cpu", 151_936) * 151_936 * 4 <= 32 << 20
    assert rows_at_once("cpu", 1 << 40) == 1
