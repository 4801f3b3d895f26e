"""Log-likelihoods of a server count only after the probe: right ones do, and each kind of wrong one is told why not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.openai.echo import EchoScorer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Score, ScoreRequest
from tests.worker.answering.openai.fake import VOCABULARY, Asked, Fake, Reply, Written, loglikelihood, logprob

QUICK = Patience(tries=2, first=0.01, longest=0.02, wait=2)
CONTEXT, ENDINGS = "The capital of Italy is", (" Rome", " Paris", " x")


def ids_of(text: str) -> list[int]:
    return list(text.encode())


class Bytes:
    """The tokenizer of `fake`: bytes."""

    def encode(self, texts: list[str]) -> dict[str, list[int]]:
        return {text: ids_of(text) for text in texts}


def proven(fake: Fake) -> list[Score]:
    """The scores of three endings, after the probe."""
    with fake:
        server = Server(Address(fake.url), fake.model, patience=QUICK)
        tokenizer: Any = Bytes()
        scorer = EchoScorer(server, tokenizer)
        try:
            server.run(scorer.prove())
            group = [ScoreRequest(ids_of(CONTEXT), ids_of(ending), (CONTEXT, ending)) for ending in ENDINGS]
            return list(server.run(scorer.score(group)))
        finally:
            server.close()


def test_a_right_server_is_believed_and_its_scores_are_the_models() -> None:
    fake = Fake()
    scores = proven(fake)
    assert [score.loglikelihood for score in scores] == pytest.approx(
        [loglikelihood(CONTEXT, ending) for ending in ENDINGS], abs=1e-9
    )
    assert [score.greedy for score in scores] == [True, True, False], "R and P are equally likely there"
    sent = [body for body in fake.bodies() if body.get("echo")]
    assert not [body for body in sent if body.keys() & {"top_k", "top_p", "min_p", "stop", "seed"}]
    assert {body["temperature"] for body in sent[-len(ENDINGS) :]} == {1}


class IgnoresEcho(Fake):
    def echoes(self, body: dict[str, Any]) -> bool:
        return False


class ChatShape(Fake):
    def legacy_logprobs(self, ids: list[int], written: Written, body: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"token": "x", "logprob": -1.0}]}


class OffByOne(Fake):
    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        right = super().prompt_logprobs([*ids, 32], body)
        return [None, *right[2:]]


class Constant(Fake):
    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return -1.0


class AppliesTemplate(Fake):
    def prompt_ids(self, prompt: str | list[int]) -> list[int]:
        return [*b"<user>", *super().prompt_ids(prompt), *b"<assistant>"]


class AddsStart(Fake):
    bos = (1,)

    def prompt_ids(self, prompt: str | list[int]) -> list[int]:
        return [1, *prompt] if not isinstance(prompt, str) else super().prompt_ids(prompt)


class LeavesOutTheFirst(Fake):
    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        return super().prompt_logprobs(ids, body)[1:]


class RemembersPrefixes(Fake):
    """The values of a prefix that was asked before are those that the latest other request left."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bytes, float]] = []

    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        right = super().prompt_logprobs(ids, body)
        whole = bytes(ids)
        if any(whole == other for other, _ in self.seen) and len(self.seen) > 3:
            right[5] = -20.0
        self.seen.append((whole, 0.0))
        return right


class Drafts(Fake):
    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        written = super().write(ids, body)
        written.logprobs[1:] = [0.0] * (len(written.logprobs) - 1)
        return written


class Tempered(Fake):
    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return logprob(before[-3:], token) / (body.get("temperature") or 1)


def tempered(before: bytes, token: int, temperature: float) -> float:
    """Log of the softmax of the logits divided by a temperature."""
    scaled = [logprob(before[-3:], other) / temperature for other in range(VOCABULARY)]
    return scaled[token] - math.log(sum(map(math.exp, scaled)))


class TemperedWrites(Fake):
    """Tells log-probabilities after the temperature of the tokens that it writes, and no likeliest ones."""

    def legacy_logprobs(self, ids: list[int], written: Written, body: dict[str, Any]) -> dict[str, Any]:
        told = super().legacy_logprobs(ids, written, body)
        if not self.echoes(body) and body.get("temperature"):
            told["token_logprobs"] = [tempered(bytes(ids), written.tokens[0], body["temperature"])]
            told["top_logprobs"] = None
        return told


class TemperedPrompts(Fake):
    """Tells log-probabilities after the temperature of the tokens that it reads."""

    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        warm = body.get("temperature") or 1
        return [None, *(tempered(bytes(ids[:place]), ids[place], warm) for place in range(1, len(ids)))]


class MoreThanAll(Fake):
    """Two likely tokens have more than the probability of all."""

    def legacy_logprobs(self, ids: list[int], written: Written, body: dict[str, Any]) -> dict[str, Any]:
        told = super().legacy_logprobs(ids, written, body)
        if body["logprobs"] == 5:
            told["top_logprobs"] = [{"a": -0.1, "b": -0.2}]
        return told


class LooksAhead(Fake):
    """What is put behind a text changes its scores."""

    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        return [None if value is None else value - len(ids) * (place < len(ids) - 1) for place, value in
                enumerate(super().prompt_logprobs(ids, body))]  # fmt: skip


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        (IgnoresEcho, "it ignores echo"),
        (ChatShape, "come without token_logprobs"),
        (OffByOne, "off by one place"),
        (Constant, "log-probabilities are constant"),
        (AppliesTemplate, "it applies a template"),
        (AddsStart, "it puts a start token before it"),
        (LeavesOutTheFirst, "leaves some out"),
        (RemembersPrefixes, "depend on the request order"),
        (Drafts, "the server decodes speculatively"),
        (Tempered, "depend on the temperature"),
        (TemperedWrites, "depend on the temperature"),
        (TemperedPrompts, "depend on the temperature"),
        (MoreThanAll, "sum up to more than 1"),
        (LooksAhead, "change when something is put behind it"),
    ],
)
def test_a_wrong_server_is_refused_with_what_is_wrong(fake: type[Fake], words: str) -> None:
    with pytest.raises(BenchtuiError, match=words) as error:
        proven(fake())
    assert "gives no log-likelihoods that can be believed" in error.value.what
    assert "--backend hf or gguf" in error.value.next_step


class RefusesSamplers(Fake):
    """Masks tokens, and cannot write −inf, where a scoring request carries a sampler's settings."""

    def fault(self, asked: Asked) -> Reply | None:
        masked = asked.body.get("echo") and asked.body.keys() & {"top_k", "top_p", "min_p"}
        return Reply(500, {}) if masked else None


def test_scoring_carries_no_sampler_settings() -> None:
    assert len(proven(RefusesSamplers())) == 3


class Infinite(Fake):
    """Has no score for an x; written as the class says."""

    value: Any = float("-inf")

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return self.value if token == ord("x") else super().one_logprob(before, token, body)


@pytest.mark.parametrize(("value", "words"), [(float("-inf"), "missing or infinite"), (-100.0, "writes -100")])
def test_a_missing_score_is_no_score(value: float, words: str) -> None:
    fake = Infinite()
    fake.value = value
    with pytest.raises(UnansweredError, match=f"no score for a token: .*{words}"):
        proven(fake)
