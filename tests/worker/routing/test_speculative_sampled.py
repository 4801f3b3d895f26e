"""Speculative decoding with sampling: the distribution of the large model, by a chi-square test of the real decoder.

Both models are tables: the distribution of a token depends on the one before it. So the joint distribution of the first
two tokens is known exactly. The pair is far apart (the total variation is asserted): with a pair that agrees, every
rule would pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from benchtui.routing.names import Drafts
from benchtui.routing.records import Sampling
from benchtui.routing.sampling import accepts, residual
from benchtui.worker.answering.growing_text import RecomputedText
from benchtui.worker.answering.next_token import GrowingText, TokenLogProbs
from benchtui.worker.answering.protocol import Ids, Observer, Unobserved
from benchtui.worker.answering.stepped import SteppedModel
from benchtui.worker.answering.written import Answers
from benchtui.worker.routing import choosing
from tests.worker.routing.one_text import write_speculative
from tests.worker.switching.pairs import transformers_scores

SIZE, PROMPT, COUNT = 9, 4, 5000
SAMPLING = Sampling(temperature=0.8, top_k=8, top_p=0.97, min_p=0.005, max_new_tokens=4)


class Table:
    """A model whose next token depends on the last one: `logprobs` float32 [size, size]."""

    def __init__(self, seed: int) -> None:
        logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(SIZE, SIZE)) * 1.6)
        self.logprobs = torch.log_softmax(logits, -1).float().numpy()

    def grow(self, observer: Observer) -> GrowingText:
        return RecomputedText(self._distributions, observer)

    def _distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        observer.tokens(len(ids))
        yield TokenLogProbs(first, self.logprobs[list(ids[first - 1 :])])

    def shares(self, sampling: Sampling) -> np.ndarray:
        """What is drawn from, by transformers' processors: float64 [size, size]."""
        rows = torch.from_numpy(self.logprobs).double()
        return np.stack([torch.softmax(transformers_scores(row, sampling), -1).numpy() for row in rows])


SMALL, LARGE = Table(1), Table(2)


def p_value(seed: int, drafts: Drafts, sampling: Sampling = SAMPLING, texts: int = COUNT) -> float:
    """Of the first two tokens of so many texts, against the large model's distribution."""
    stepped = [
        SteppedModel(name, each, np.ones(SIZE, np.bool_), Unobserved())
        for name, each in zip("AB", (SMALL, LARGE), strict=True)
    ]
    answers = Answers(msgspec.structs.replace(sampling, seed=seed), frozenset(), str)
    counts = np.zeros((SIZE, SIZE))
    for document in range(texts):
        found = write_speculative(stepped[0], stepped[1], [PROMPT], answers, document=document, drafts=drafts)
        counts[found.tokens[0], found.tokens[1]] += 1
    shares = LARGE.shares(sampling)
    expected = (shares[PROMPT][:, None] * shares * texts).ravel()
    seen = counts.ravel()
    if seen[expected == 0].any():
        return 0.0  # a token was written that the settings cut off
    often = expected >= 5
    cells = [(seen[often], expected[often]), (seen[~often].sum(keepdims=True), expected[~often].sum(keepdims=True))]
    if cells[1][1][0] < 5:  # the rest belongs to the smallest cell
        least = cells[0][1].argmin()
        for of_cells, of_rest in zip(cells[0], cells[1], strict=True):
            of_cells[least] += of_rest[0]
        cells.pop()
    return float(chisquare(*(np.concatenate(each) for each in zip(*cells, strict=True))).pvalue)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "drafts"), [(1, 3), (2, 3), (3, 2), (4, 1), (5, "auto")])
def test_two_tokens_have_the_joint_distribution_of_the_large_model(seed: int, drafts: Drafts) -> None:
    apart = np.abs(SMALL.shares(SAMPLING) - LARGE.shares(SAMPLING)).sum(-1) / 2
    assert apart.min() > 0.3, "with models that agree the test proves nothing"
    assert p_value(seed, drafts) > 1e-4


@pytest.mark.parametrize("mistake", ["draws from p after a rejection", "accepts always", "ignores the settings"])
def test_a_planted_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: dict[str, tuple[str, Any]] = {
        "draws from p after a rejection": ("residual", lambda target, _: target),
        "accepts always": ("accepts", lambda *_: True),
        "ignores the settings": ("processed", lambda row, _: np.exp(row)),
    }
    monkeypatch.setattr(choosing, *wrong[mistake])
    nothing_cut_off = Sampling(temperature=0.8, max_new_tokens=4)
    assert p_value(1, 3, nothing_cut_off, texts=1500) < 1e-6


def test_with_equal_models_the_text_is_what_the_large_model_writes_alone() -> None:
    """Drafts take the numbers that the large model would take, and all are accepted."""
    stepped = [SteppedModel(name, LARGE, np.ones(SIZE, np.bool_), Unobserved()) for name in "AB"]
    for document in range(50):
        answers = Answers(Sampling(0.8, max_new_tokens=12), frozenset({0}), str)
        alone = answers.begin([PROMPT], document)
        text = stepped[1].begin()
        while alone.ended is None:
            alone.append(alone.drawn(text.read(alone.ids, last=1)[0]))
        for drafts in (1, 4, 8):
            found = write_speculative(stepped[0], stepped[1], [PROMPT], answers, document=document, drafts=drafts)
            assert list(found.tokens) == alone.tokens
            assert found.acceptance in (1, None)


def test_a_rejected_token_is_never_drawn_again_and_rounding_leaves_the_target() -> None:
    target, source = np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.4, 0.0])
    np.testing.assert_allclose(residual(target, source), [0, 0.25, 0.75])
    np.testing.assert_array_equal(residual(target, target), target)
    assert accepts(1, target, source, 0.999999)
    assert accepts(0, target, source, 0.3333)
    assert not accepts(0, target, source, 0.3334)
    assert not accepts(0, np.array([0.0, 1.0]), np.array([1.0, 0.0]), 0.0), "what has no probability is not accepted"
