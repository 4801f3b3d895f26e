"""Log-likelihoods by /v1/completions with `echo`: one request for each continuation, its prompt as token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.openai.probe import UnbelievableError, echo_body, probe, read_echo, refusal
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Score, ScoreRequest, Tokenizer


class EchoScorer:
    """Reads the scores of prompts that the server repeats; nothing is believed before `prove`."""

    name = "echo of the prompt"
    beyond = 2
    """The last token of a continuation, and one that is written."""

    def __init__(self, server: Server, tokenizer: Tokenizer, *, tempered: bool = False) -> None:
        """`tempered` as for `probe`."""
        self._server = server
        self._tokenizer = tokenizer
        self._tempered = tempered

    async def prove(self) -> None:
        """As `Scorer.prove`."""
        try:
            await probe(
                self._post,
                self._server.model.name,
                lambda text: self._tokenizer.encode([text])[text],
                tempered=self._tempered,
            )
        except UnbelievableError as error:
            raise refusal(self._server.address.name, str(error)) from error

    async def _post(self, body: Mapping[str, Any]) -> Any:
        return await self._server.post("/v1/completions", body)

    async def score(self, group: Sequence[ScoreRequest]) -> Sequence[Score]:
        """As `Scorer.score`."""
        return [await self._one(request) for request in group]

    async def _one(self, request: ScoreRequest) -> Score:
        ids = [*request.context[request.lost :], *request.continuation]
        answer = await self._post(echo_body(self._server.model.name, ids))
        try:
            echoed = read_echo(answer, len(ids))
        except UnbelievableError as error:
            raise UnansweredError(str(error)) from error
        start = len(ids) - len(request.continuation)
        total, greedy = 0.0, True
        for value, best in zip(echoed.logprobs[start:], echoed.best[start:], strict=True):
            if not isinstance(value, int | float) or abs(value) == float("inf") or value != value:
                raise UnansweredError("no score for a token: it is missing or infinite in the server's answer")
            if value in (-100, -1000, -9999):
                raise UnansweredError(f"no score for a token: the server writes {value:g} for what it masks")
            total += value
            greedy = greedy and best is not None and value >= best
        return Score(total, greedy)
