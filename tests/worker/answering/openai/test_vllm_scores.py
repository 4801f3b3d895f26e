"""Log-likelihoods from a vLLM server by token ids: the same numbers as by echo, in fewer requests."""

from __future__ import annotations

from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.openai.vllm_scores import VllmScorer
from benchtui.worker.answering.protocol import Score, ScoreRequest
from tests.worker.answering.openai.fake import Fake, loglikelihood
from tests.worker.answering.openai.test_probe import QUICK, Bytes, ids_of

CONTEXT, ENDINGS = "The capital of Italy is ", ("Rome", "R", "P", "x", "Rain")


class Vllm(Fake):
    owned_by = "vllm"
    routes = (*Fake.routes, "prompt_logprobs", "logprob_token_ids")


class Older(Vllm):
    """Ignores what it does not know."""

    routes = (*Fake.routes, "prompt_logprobs")


class OtherPrompt(Vllm):
    """Its prompt_logprobs are those of another prompt, its echo is right."""

    def vllm_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[dict[str, Any] | None]:
        found = super().vllm_logprobs(ids, body)
        return [None, *({token: {**told, "logprob": -9.0} for token, told in (one or {}).items()} for one in found[1:])]


class Masks(Vllm):
    """Writes -9999 for one token, as vLLM does for minus infinity."""

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return -9999.0 if token == ord("x") else super().one_logprob(before, token, body)


def scored(fake: Fake, endings: tuple[str, ...] = ENDINGS) -> tuple[list[Score], list[dict[str, Any]]]:
    """The scores of some endings after the probe, and what was asked for them."""
    with fake:
        server = Server(Address(fake.url), fake.model, patience=QUICK)
        tokenizer: Any = Bytes()
        scorer = VllmScorer(server, tokenizer)
        try:
            server.run(scorer.prove())
            before = len(fake.bodies())
            group = [ScoreRequest(ids_of(CONTEXT), ids_of(ending), (CONTEXT, ending)) for ending in endings]
            return list(server.run(scorer.score(group))), fake.bodies()[before:]
        finally:
            server.close()


@pytest.mark.parametrize("kind", [Vllm, Older])
def test_the_numbers_are_the_models_by_either_way(kind: type[Fake]) -> None:
    scores, _ = scored(kind())
    assert [score.loglikelihood for score in scores] == pytest.approx(
        [loglikelihood(CONTEXT, ending) for ending in ENDINGS], abs=1e-9
    )
    assert [score.greedy for score in scores][1:] == [True, True, False, False], "R and P are equally likely there"


def test_choices_of_one_token_share_a_request_that_needs_nothing_of_the_prompt() -> None:
    _, asked = scored(Vllm())
    assert len(asked) == 3, "R, P and x; Rome; Rain"
    assert [("prompt_logprobs" in body, len(body["logprob_token_ids"])) for body in asked] == [
        (False, 3),
        (True, 1),
        (True, 1),
    ]
    assert not [body for body in asked if body.keys() & {"top_k", "top_p", "min_p", "stop", "seed"}]


def test_numbers_by_ids_that_are_not_those_of_the_echo_are_refused() -> None:
    with pytest.raises(BenchtuiError, match=r"by their ids and .* by echo"):
        scored(OtherPrompt())


def test_a_token_without_a_number_leaves_its_request_unanswered() -> None:
    with pytest.raises(UnansweredError, match="missing or infinite"):
        scored(Masks())
