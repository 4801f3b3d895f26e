"""What a GGUF file says of each token of continuations: the numbers of the same model in transformers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from benchtui.routing.rules import SignalName
from benchtui.worker.answering.next_token import TokenScorer
from benchtui.worker.answering.protocol import Score, ScoreRequest, Unobserved
from tests.worker.answering.hf.engine.test_score_tokens import answers, by_hand, logits
from tests.worker.tiny_models import make_base

if TYPE_CHECKING:
    from benchtui.worker.answering.gguf.answering import GgufAnswering

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]
TOLERANCE = 3e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("gguf") / "tiny")


@pytest.fixture(scope="module")
def network(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32")


@pytest.fixture(scope="module")
def answering(llama_cpp: None, folder: Path) -> Iterator[GgufAnswering]:
    from tests.worker.answering.gguf.files import open_gguf, write_gguf

    opened = open_gguf(write_gguf(folder, folder.parent / "tiny.gguf"))
    yield opened
    opened.close()


def requests() -> list[ScoreRequest]:
    """More endings on one context than are read at once; one longer than a call; a context cut at its beginning."""
    chance = random.Random(6)  # noqa: S311

    def ids(length: int) -> list[int]:
        return [chance.randrange(3, 100) for _ in range(length)]

    context = ids(12)
    found = [ScoreRequest(context, ids(1 + number % 4), ("c", str(number))) for number in range(21)]
    found.append(ScoreRequest(ids(1), ids(5), ("one",)))
    return [*found, ScoreRequest(ids(30), ids(3), ("cut",), 7)]


@pytest.mark.parametrize("signal", get_args(SignalName))
def test_numbers_are_those_of_their_definitions(signal: SignalName, answering: GgufAnswering, network: Any) -> None:
    known = len(answering.token_bytes())
    for request, found in zip(requests(), answers(answering, requests(), signal), strict=True):
        rows, ids = logits(network, request), list(request.continuation)
        given = (rows - np.logaddexp.reduce(rows, -1)[:, None])[np.arange(len(ids)), ids]
        np.testing.assert_allclose(found.logprobs, given, atol=TOLERANCE)
        np.testing.assert_allclose(found.signal, by_hand(signal, rows[:, :known]), atol=TOLERANCE)
        assert found.greedy.tolist() == (rows.argmax(-1) == ids).tolist()


def test_sums_are_those_of_log_likelihoods_bit_for_bit(answering: GgufAnswering) -> None:
    assert isinstance(answering, TokenScorer)
    whole: dict[int, Score] = {}
    answering.score(requests(), whole.__setitem__, Unobserved())
    for place, found in enumerate(answers(answering, requests(), None)):
        assert found.signal is None
        assert Score(found.loglikelihood, bool(found.greedy.all())) == whole[place]
