"""Log-likelihoods from a vLLM server, as the vllm backend asks for them in process: those of a prompt's tokens by
`prompt_logprobs`, that of the token behind it as of a generated one.

Tokens are told by their ids, which two texts cannot share. Choices of one token share one request, which needs no
log-probabilities of the prompt: its context is found in vLLM's prefix cache.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.openai.echo import EchoScorer
from benchtui.worker.answering.openai.probe import SENTENCE, TOLERANCE, refusal
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Ids, Score, ScoreRequest, Tokenizer

MOST_LAST_TOKENS = 100
"""Tokens whose log-probability one request asks for; vLLM refuses more than 128."""
LOWEST = -9999.0
"""What vLLM writes for minus infinity."""


class VllmScorer:
    """Reads the scores by token ids, or by echo where the server is older than `logprob_token_ids`; nothing is
    believed before `prove`."""

    beyond = EchoScorer.beyond
    """Of its own way it is one token less; which way it is, `prove` finds out."""

    def __init__(self, server: Server, tokenizer: Tokenizer) -> None:
        self._server = server
        self._tokenizer = tokenizer
        self._echo = EchoScorer(server, tokenizer)
        self._knows_ids = True
        self.name = "prompt_logprobs and logprob_token_ids"

    async def prove(self) -> None:
        """As `Scorer.prove`: the checks of the echo, then that the tokens' ids have the numbers of the echo."""
        await self._echo.prove()
        ids = self._tokenizer.encode([SENTENCE])[SENTENCE]
        if not await self._tells(ids):
            self._knows_ids, self.name = False, self._echo.name
            return
        for context in (1, len(ids) - 1):
            request = ScoreRequest(ids[:context], ids[context:], ())
            try:
                told, echoed = [(await scorer.score([request]))[0].loglikelihood for scorer in (self, self._echo)]
            except UnansweredError as error:
                raise refusal(self._server.address.name, str(error)) from error
            if abs(told - echoed) > TOLERANCE * len(request.continuation):
                why = f"the same tokens have {told:.3f} by their ids and {echoed:.3f} by echo"
                raise refusal(self._server.address.name, why)

    async def _tells(self, ids: Ids) -> bool:
        """Whether the server tells the log-probability of a token that is named by its id: vLLM ignores in silence
        what it does not know."""
        choice = await self._asked(ids[:-1], [ids[0]], within=False)
        told = choice.get("logprobs")
        tops = told.get("top_logprobs") if isinstance(told, Mapping) else None
        return bool(
            isinstance(tops, list) and tops and isinstance(tops[0], Mapping) and f"token_id:{ids[0]}" in tops[0]
        )

    async def score(self, group: Sequence[ScoreRequest]) -> Sequence[Score]:
        """As `Scorer.score`."""
        if not self._knows_ids:
            return await self._echo.score(group)
        scores: dict[int, Score] = {}
        single = [place for place, request in enumerate(group) if len(request.continuation) == 1]
        for first in range(0, len(single), MOST_LAST_TOKENS):
            places = single[first : first + MOST_LAST_TOKENS]
            last = [group[place].continuation[0] for place in places]
            choice = await self._asked(group[places[0]].inputs, last, within=False)
            scores |= {place: _score(group[place], choice) for place in places}
        for place, request in enumerate(group):
            if place not in scores:
                choice = await self._asked(request.inputs, [request.continuation[-1]], within=True)
                scores[place] = _score(request, choice)
        return [scores[place] for place in range(len(group))]

    async def _asked(self, inputs: Ids, last: Sequence[int], *, within: bool) -> Mapping[str, Any]:
        """The one choice for a prompt, with the log-probabilities of these tokens behind it, and `within` it."""
        answer = await self._server.post(
            "/v1/completions",
            {
                "model": self._server.model.name,
                "prompt": list(inputs),
                "max_tokens": 1,
                "temperature": 0,
                "ignore_eos": True,
                "logprobs": 1,
                "logprob_token_ids": list(dict.fromkeys(last)),
                "return_tokens_as_token_ids": True,
                **({"prompt_logprobs": 1} if within else {}),
            },
        )
        choices = answer.get("choices") if isinstance(answer, Mapping) else None
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], Mapping):
            raise UnansweredError("the server does not return one choice for one prompt")
        return choices[0]


def _score(request: ScoreRequest, choice: Mapping[str, Any]) -> Score:
    """Raises UnansweredError where a token has no number."""
    inputs, last = request.inputs, request.continuation[-1]
    try:
        total, greedy = 0.0, True
        for place in range(len(inputs) - len(request.continuation) + 1, len(inputs)):
            found = choice["prompt_logprobs"][place][str(inputs[place])]
            total += _number(found["logprob"])
            greedy = greedy and found["rank"] == 1  # of equally likely tokens each has rank 1
        told = choice["logprobs"]["top_logprobs"][0]
        value = _number(told[f"token_id:{last}"])
        greedy = greedy and value >= _number(choice["logprobs"]["token_logprobs"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise UnansweredError("no score for a token: the server's answer has none") from error
    return Score(total + value, greedy)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= LOWEST:
        raise UnansweredError("no score for a token: it is missing or infinite in the server's answer")
    return float(value)
