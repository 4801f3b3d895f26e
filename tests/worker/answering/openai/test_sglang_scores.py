"""Log-likelihoods from an SGLang server by /generate: its documented answers, nothing believed that the echo denies.

BENCHTUI_TEST_SGLANG names the Python of an environment with SGLang: what is sent is read there by its own classes.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.openai.sglang_scores import ROUTE, SglangScorer, generate_body, read_score
from benchtui.worker.answering.protocol import Score, ScoreRequest
from tests.conftest import absent
from tests.worker.answering.openai.fake import Asked, Fake, Reply, Written, likeliest, loglikelihood
from tests.worker.answering.openai.test_probe import QUICK, Bytes, ids_of

CONTEXT, ENDINGS = "The capital of Italy is ", ("Rome", "R", "P", "x", "Rain")


class Sglang(Fake):
    """Answers /generate as SGLang 0.5.23 writes it: the first entry has no number."""

    owned_by = "sglang"
    routes = (*Fake.routes, ROUTE)
    shift = 0

    def answer(self, asked: Asked) -> Reply:
        if asked.path != ROUTE:
            return super().answer(asked)
        self.asked.append(asked)
        return self.generated(asked.body)

    def generated(self, body: dict[str, Any]) -> Reply:
        ids, start = body["input_ids"], body["logprob_start_len"] + self.shift
        values: list[list[Any]] = [[None, ids[start], None]]
        tops: list[Any] = [None]
        for place in range(start + 1, len(ids)):
            before = bytes(ids[:place])
            values.append([self.one_logprob(before, ids[place], body), ids[place], None])
            best = likeliest(before)
            tops.append([[self.one_logprob(before, best, body), best, None]])
        meta = {"id": "1", "finish_reason": {"type": "length", "length": 0}, "prompt_tokens": len(ids),
                "completion_tokens": 0, "cached_tokens": 0, "input_token_logprobs": values,
                "input_top_logprobs": tops, "output_token_logprobs": [], "output_top_logprobs": []}  # fmt: skip
        return Reply(body={"text": "", "output_ids": [], "meta_info": meta})


class OffByOne(Sglang):
    shift = -1


class OtherNumbers(Sglang):
    """Numbers of another prompt at /generate, the right ones by echo."""

    def generated(self, body: dict[str, Any]) -> Reply:
        reply = super().generated(body)
        for entry in reply.body["meta_info"]["input_token_logprobs"][1:]:
            entry[0] -= 3.0
        return reply


class Tempered(Sglang):
    """Log-probabilities after the temperature at /generate."""

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        warm = body.get("sampling_params", {}).get("temperature", 1.0)
        return super().one_logprob(before, token, body) / warm


class TemperedWrites(Sglang):
    """Of generated tokens alone, as SGLang does it: none of them is a score."""

    def legacy_logprobs(self, ids: list[int], written: Written, body: dict[str, Any]) -> dict[str, Any]:
        told = super().legacy_logprobs(ids, written, body)
        if not self.echoes(body) and body.get("temperature"):
            told["top_logprobs"] = [
                {k: v / body["temperature"] for k, v in top.items()} for top in told["top_logprobs"]
            ]
        return told


def scored(fake: Fake) -> tuple[list[Score], list[dict[str, Any]]]:
    """The scores of some endings after the probe, and what was asked for them."""
    with fake:
        server = Server(Address(fake.url), fake.model, patience=QUICK)
        tokenizer: Any = Bytes()
        scorer = SglangScorer(server, tokenizer)
        try:
            server.run(scorer.prove())
            before = len(fake.bodies(ROUTE))
            group = [ScoreRequest(ids_of(CONTEXT), ids_of(ending), (CONTEXT, ending)) for ending in ENDINGS]
            return list(server.run(scorer.score(group))), fake.bodies(ROUTE)[before:]
        finally:
            server.close()


def test_the_numbers_are_the_models_and_the_context_stays_in_the_cache() -> None:
    scores, asked = scored(Sglang())
    expected = [loglikelihood(CONTEXT, ending) for ending in ENDINGS]
    assert [score.loglikelihood for score in scores] == pytest.approx(expected, abs=1e-9)
    assert [score.greedy for score in scores][1:] == [True, True, False, False], "R and P are equally likely there"
    assert {body["logprob_start_len"] for body in asked} == {len(ids_of(CONTEXT)) - 1}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OffByOne, "from the place on that was named"),
        (OtherNumbers, "by /generate and .* by echo"),
        (Tempered, "depend on the temperature"),
    ],
)
def test_what_the_echo_denies_is_refused(kind: type[Fake], words: str) -> None:
    with pytest.raises(BenchtuiError, match=words):
        scored(kind())


def _answer(values: list[Any], reason: str = "length") -> dict[str, Any]:
    tops = [None, *([[-0.1, 7, None]] for _ in values[1:])]
    return {
        "meta_info": {"finish_reason": {"type": reason}, "input_token_logprobs": values, "input_top_logprobs": tops}
    }


def test_what_it_tells_of_generated_tokens_may_follow_the_temperature() -> None:
    assert scored(TemperedWrites())[0] == scored(Sglang())[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_answer([[None, 3, None], [-1.0, 5, None]], "abort"), "gave the request up"),
        (_answer([[None, 3, None], [-1.0, 6, None]]), "other tokens"),
        (_answer([[None, 3, None], [None, 5, None]]), "missing or infinite"),
        (_answer([[None, 3, None], [float("-inf"), 5, None]]), "missing or infinite"),
        (_answer([[None, 3, None]]), "from the place on"),
        ({"text": ""}, "from the place on"),
        ([], "from the place on"),
    ],
)
def test_what_is_no_score_is_no_answer(answer: Any, words: str) -> None:
    with pytest.raises(UnansweredError, match=words):
        read_score(answer, [5])


READ_BY_SGLANG = """
import json, sys
from sglang.srt.managers.io_struct import GenerateReqInput
from sglang.srt.sampling.sampling_params import SamplingParams
asked = GenerateReqInput(**json.load(sys.stdin))
asked.normalize_batch_and_arguments()
params = SamplingParams(**asked.sampling_params)
params.verify(1000)
print(json.dumps([asked.is_single, asked.logprob_start_len, asked.top_logprobs_num, params.max_new_tokens]))
"""


@pytest.mark.sglang
def test_sglangs_own_classes_read_what_is_sent() -> None:
    python = os.environ.get("BENCHTUI_TEST_SGLANG") or absent(
        "sglang", "BENCHTUI_TEST_SGLANG names no Python with SGLang"
    )
    body = json.dumps(generate_body([5, 6, 7], 1))
    done = subprocess.run([str(python), "-c", READ_BY_SGLANG], input=body, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [True, 1, 1, 0]
