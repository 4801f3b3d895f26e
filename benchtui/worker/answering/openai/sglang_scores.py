"""Log-likelihoods from an SGLang server by its own route /generate, which scores a prompt from a place on.

Scored from the last token of the context on, the context stays in the server's radix cache between the endings of a
sample; by echo, or from the first token on, it is read anew for each. Source: SGLang 0.5.23, io_struct.py and
tokenizer_manager.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.openai.echo import EchoScorer
from benchtui.worker.answering.openai.probe import SENTENCE, TOLERANCE, refusal
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Score, ScoreRequest, Tokenizer

ROUTE = "/generate"


def generate_body(inputs: Sequence[int], start: int, *, temperature: float = 1.0) -> dict[str, Any]:
    """What is sent to have the tokens behind place `start` scored; no token is written, and no setting of a sampler
    masks one."""
    return {
        "input_ids": list(inputs),
        "sampling_params": {"max_new_tokens": 0, "temperature": temperature},
        "return_logprob": True,
        "logprob_start_len": start,
        "top_logprobs_num": 1,
        "return_text_in_logprobs": False,
        "stream": False,
    }


class SglangScorer:
    """Reads the scores by /generate; nothing is believed before `prove`."""

    name = "/generate with logprob_start_len"
    beyond = 1
    """The last token of a continuation."""

    def __init__(self, server: Server, tokenizer: Tokenizer) -> None:
        self._server = server
        self._tokenizer = tokenizer
        self._echo = EchoScorer(server, tokenizer, tempered=True)

    async def prove(self) -> None:
        """As `Scorer.prove`: the checks of the echo, then that /generate tells the numbers of the echo, wherever it
        starts and whatever the temperature. (SGLang tells those of generated tokens after it, which are not used.)"""
        await self._echo.prove()
        ids = self._tokenizer.encode([SENTENCE])[SENTENCE]
        for context in (1, len(ids) // 2, len(ids) - 1):
            request = ScoreRequest(ids[:context], ids[context:], ())
            try:
                told, echoed = [(await scorer.score([request]))[0].loglikelihood for scorer in (self, self._echo)]
                cold = (await self._one(request, temperature=0.5)).loglikelihood
            except UnansweredError as error:
                raise refusal(self._server.address.name, str(error)) from error
            if abs(told - echoed) > TOLERANCE * len(request.continuation):
                why = f"the same tokens have {told:.3f} by /generate and {echoed:.3f} by echo"
                raise refusal(self._server.address.name, why)
            if abs(told - cold) > TOLERANCE * len(request.continuation):
                raise refusal(self._server.address.name, "its log-probabilities depend on the temperature")

    async def score(self, group: Sequence[ScoreRequest]) -> Sequence[Score]:
        """As `Scorer.score`."""
        return [await self._one(request) for request in group]

    async def _one(self, request: ScoreRequest, *, temperature: float = 1.0) -> Score:
        ids = [*request.context[request.lost :], *request.continuation]
        start = len(ids) - len(request.continuation) - 1
        answer = await self._server.post(ROUTE, generate_body(ids, start, temperature=temperature))
        return read_score(answer, request.continuation)


def read_score(answer: Any, continuation: Sequence[int]) -> Score:
    """Read what /generate tells of the tokens of a continuation: behind an entry for the place before them, each is
    [log-probability, id, text], and the likeliest token at its place the same.

    Raises UnansweredError where a token has no number, or other tokens were scored than were asked.
    """
    told = answer.get("meta_info") if isinstance(answer, Mapping) else None
    told = told if isinstance(told, Mapping) else {}
    reason = told.get("finish_reason")
    if isinstance(reason, Mapping) and reason.get("type") == "abort":
        raise UnansweredError("the server gave the request up")
    values, tops = told.get("input_token_logprobs"), told.get("input_top_logprobs")
    if not isinstance(values, list) or not isinstance(tops, list) or len(values) != len(continuation) + 1:
        raise UnansweredError("the server does not score the tokens from the place on that was named")
    try:
        if [entry[1] for entry in values[1:]] != list(continuation):
            raise UnansweredError("the server scored other tokens than it was asked for")
        scores = [_number(entry[0]) for entry in values[1:]]
        best = [_number(entries[0][0]) for entries in tops[1:]]
    except (IndexError, TypeError) as error:
        raise UnansweredError("no score for a token: the server's answer has none") from error
    return Score(math.fsum(scores), all(value >= top for value, top in zip(scores, best, strict=True)))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnansweredError("no score for a token: it is missing or infinite in the server's answer")
    return float(value)
