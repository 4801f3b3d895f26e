"""The likeliest tokens from servers, one request a text: exact ones are told, and each kind of wrong one is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.next_token import TopLogProbs
from benchtui.worker.answering.openai.scoring import Scorer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.openai.sglang_scores import ROUTE, SglangScorer
from benchtui.worker.answering.openai.tops import SGLANG_WAY, VLLM_WAY, Tops
from benchtui.worker.answering.openai.vllm_scores import VllmScorer
from tests.worker.answering.openai.fake import VOCABULARY, Asked, Fake, Reply, likeliest, logprob
from tests.worker.answering.openai.test_probe import QUICK, Bytes, ids_of
from tests.worker.answering.openai.test_sglang_scores import Sglang
from tests.worker.answering.openai.test_vllm_scores import Vllm

K = 8
TEXTS = [(ids_of("The sun rises in the east"), 4), (ids_of("Water freezes at xyz"), 1), (ids_of("Rome"), 3)]


def told(fake: Fake, before: bytes, body: dict[str, Any]) -> dict[int, float]:
    return {token: fake.one_logprob(before, token, body) for token in range(VOCABULARY)}


def most(values: dict[int, float], k: int) -> dict[int, float]:
    return dict(sorted(values.items(), key=lambda pair: -pair[1])[:k])


class VllmTops(Vllm):
    """Tells `prompt_logprobs` as vLLM does: the k likeliest and the text's own, no more than it allows."""

    allowed = 20

    def fault(self, asked: Asked) -> Reply | None:
        k = asked.body.get("prompt_logprobs") or 0
        if k <= self.allowed:
            return None
        message = f"Requested prompt logprobs of {k}, which is greater than max allowed: {self.allowed}"
        return Reply(400, {"error": {"message": message, "type": "BadRequestError", "code": 400}})

    def vllm_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = [None]
        for place in range(1, len(ids)):
            every = told(self, bytes(ids[:place]), body)
            chosen = most(every, body["prompt_logprobs"]) | {ids[place]: every[ids[place]]}
            found.append(
                {
                    str(token): {"logprob": value, "rank": 1 + sum(other > value for other in every.values())}
                    for token, value in chosen.items()
                }
            )
        return found


class SglangTops(Sglang):
    """Tells `top_logprobs_num` tokens at each place."""

    def generated(self, body: dict[str, Any]) -> Reply:
        reply = super().generated(body)
        ids, start, meta = body["input_ids"], body["logprob_start_len"], reply.body["meta_info"]
        k, places = body["top_logprobs_num"], range(start + 1, len(ids))
        chosen = [most(told(self, bytes(ids[:place]), body), k) for place in places]
        meta["input_top_logprobs"] = [None, *([[value, one, None] for one, value in top.items()] for top in chosen)]
        return reply


def asked_of(fake: Fake, texts: Any = TEXTS, k: int = K) -> tuple[dict[int, TopLogProbs], list[Any]]:
    """What is told of the texts, and the decisions."""
    decisions: list[Any] = []

    class Watching:
        def decision(self, what: str, choice: str, why: str) -> None:
            decisions.append((what, choice, why))

        def __getattr__(self, name: str) -> Any:
            return lambda *_args: None

    with fake:
        server = Server(Address(fake.url), fake.model, patience=QUICK)
        tokenizer: Any = Bytes()
        sglang = isinstance(fake, Sglang)
        scorer: Scorer = SglangScorer(server, tokenizer) if sglang else VllmScorer(server, tokenizer)
        watching: Any = Watching()
        try:
            server.run(scorer.prove())
            tops = Tops(server, tokenizer, scorer, SGLANG_WAY if sglang else VLLM_WAY)
            return dict(tops.of(texts, k, watching)), decisions
        finally:
            server.close()


@pytest.mark.parametrize("kind", [VllmTops, SglangTops])
def test_the_likeliest_tokens_are_the_models(kind: type[Fake]) -> None:
    fake = kind()
    found, _ = asked_of(fake)
    for number, (ids, first) in enumerate(TEXTS):
        assert found[number].first == first
        for row, place in enumerate(range(first, len(ids))):
            every = np.array([logprob(bytes(ids[:place])[-3:], token) for token in range(VOCABULARY)])
            np.testing.assert_allclose(found[number].logprobs[row], -np.sort(-every)[:K], atol=1e-6)
            np.testing.assert_allclose(found[number].logprobs[row], every[found[number].ids[row]], atol=1e-6)
            assert found[number].given[row] == pytest.approx(every[ids[place]], abs=1e-6)
            rank = 1 + int((every > every[ids[place]]).sum())
            assert found[number].rank[row] == (rank if kind is VllmTops else min(rank, K + 1))
    sent = fake.bodies(ROUTE if kind is SglangTops else "/v1/completions")[-len(TEXTS) :]
    assert not [body for body in sent if body.keys() & {"top_k", "top_p", "min_p", "stop", "seed"}]
    assert {body.get("temperature", body.get("sampling_params", {}).get("temperature")) for body in sent} == {1}


def test_a_server_that_allows_fewer_is_asked_for_those() -> None:
    found, decisions = asked_of(VllmTops(), k=64)
    assert found[0].logprobs.shape[1] == 20
    assert [(what, choice) for what, choice, _ in decisions] == [("likeliest tokens", "20")]
    assert "--max-logprobs" in decisions[0][2]


class Logits(VllmTops):
    """Case 46: its log-probabilities are softmax(logits / T) for the temperature that it is sent."""

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        warm = body.get("temperature") or 1
        if body.get("prompt_logprobs") is None or warm == 1 or not body.get("ignore_eos"):
            return super().one_logprob(before, token, body)
        scaled = [logprob(before[-3:], other) / warm for other in range(VOCABULARY)]
        return scaled[token] - math.log(math.fsum(map(math.exp, scaled)))


class Divided(Logits):
    """Divides log-probabilities, not logits: they sum up to something else than 1."""

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return logprob(before[-3:], token) * (body.get("temperature") or 1 if body.get("prompt_logprobs") else 1)


class TopP(VllmTops):
    """Masks all but the likeliest tokens, whatever is asked."""

    def vllm_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[dict[str, Any] | None]:
        right = super().vllm_logprobs(ids, body)
        for place, entries in enumerate(right[1:], 1):
            for token, entry in (entries or {}).items():
                if entry["rank"] > 2 and token != str(ids[place]):
                    entry["logprob"] = -9999.0
        return right


class TooMuch(VllmTops):
    """Every token is as likely as the likeliest."""

    def vllm_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[dict[str, Any] | None]:
        right = super().vllm_logprobs(ids, body)
        for place, entries in enumerate(right[1:], 1):
            best = likeliest(bytes(ids[:place]))
            for entry in (entries or {}).values():
                entry["logprob"] = self.one_logprob(bytes(ids[:place]), best, body)
        return right


class OtherText(VllmTops):
    """Tells of places one token later."""

    def vllm_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[dict[str, Any] | None]:
        right = super().vllm_logprobs(ids, body)
        return [None, *right[2:], right[-1]] if body["prompt_logprobs"] > 1 else right


class Warmed(SglangTops):
    """Its likeliest tokens follow the temperature, their own numbers do not."""

    def generated(self, body: dict[str, Any]) -> Reply:
        reply = super().generated(body)
        for entries in reply.body["meta_info"]["input_top_logprobs"][1:]:
            for entry in entries:
                entry[0] /= 1 if body["top_logprobs_num"] == 1 else body["sampling_params"]["temperature"]
        return reply


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Logits, "depend on the temperature"),
        (Divided, "depend on the temperature"),
        (TopP, "a sampler masks the others"),
        (TooMuch, "sum up to"),
        (OtherText, "no likeliest tokens for each place"),
        (Warmed, "depend on the temperature"),
    ],
)
def test_what_cannot_be_believed_is_refused(kind: type[Fake], words: str) -> None:
    with pytest.raises(BenchtuiError, match=f"gives no log-likelihoods that can be believed: .*{words}"):
        asked_of(kind())
