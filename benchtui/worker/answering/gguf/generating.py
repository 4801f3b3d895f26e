"""Texts written token by token, one request at a time: what shares a batch would change a quantised model's words."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchtui.worker.answering.gguf.context import Context, Contexts
from benchtui.worker.answering.gguf.layout import text_rows
from benchtui.worker.answering.gguf.logits import Logits
from benchtui.worker.answering.gguf.sampling import Sampling
from benchtui.worker.answering.gguf.tokenizer import GgufTokenizer
from benchtui.worker.answering.protocol import Finish, Generated, GenerateRequest, Observer, Written
from benchtui.worker.not_a_number import NotANumberError


def generate(
    contexts: Contexts,
    tokenizer: GgufTokenizer,
    requests: Sequence[GenerateRequest],
    answered: Written,
    observer: Observer,
) -> None:
    """Write a continuation for every request, in order. Raises as `Answering.generate`, and BenchtuiError for a
    generation setting that is not known here."""
    how = [Sampling.of(request.settings) for request in requests]  # before anything is computed
    for index, (request, sampling) in enumerate(zip(requests, how, strict=True)):
        observer.batch_started([request.args])
        prompt = list(request.prompt[request.lost :]) or [tokenizer.prefix]
        writing = _Writing(tokenizer, request, sampling, prompt, observer)
        try:
            written = contexts.run(len(prompt) + request.limit, writing.written)
        except NotANumberError as error:
            raise NotANumberError(request=request.args) from error
        answered(index, written)


class _Writing:
    """One request's text while it is written."""

    def __init__(
        self,
        tokenizer: GgufTokenizer,
        request: GenerateRequest,
        sampling: Sampling,
        prompt: list[int],
        observer: Observer,
    ) -> None:
        self._tokenizer = tokenizer
        self._request = request
        self._sampling = sampling
        self._prompt = prompt
        self._observer = observer
        self._stops = [stop.encode(errors="replace") for stop in request.stops if stop]
        self._longest = max((len(stop) for stop in self._stops), default=0)

    def written(self, cache: Context) -> Generated:
        """Read the prompt, then write up to an end token, a stop string or the limit."""
        chance = random.Random(self._request.seed.to_bytes(32, "big"))  # noqa: S311 - not for secrets
        prompt, tail = self._prompt, b""
        ids: list[int] = []
        finish: Finish = "length"
        new, first = prompt, 0
        while len(ids) < self._request.limit:
            logits = self._next_logits(cache, new, first)
            token = self._sampling.choose(logits, [*prompt, *ids], chance)
            first += len(new)
            new = [token]
            ids.append(token)
            if self._tokenizer.ends(token):
                finish = "end"
                break
            piece = self._tokenizer.piece(token)
            tail = (tail + piece)[-(self._longest + len(piece)) :]
            if any(stop in tail for stop in self._stops):
                finish = "stop"
                break
        return Generated(self._tokenizer.decode(ids), ids, finish)

    def _next_logits(self, cache: Context, new: Sequence[int], first: int) -> Logits:
        rows = text_rows(new, first, wanted_from=len(new) - 1)
        (logits,) = cache.read(rows, self._observer, written=first > 0)
        row: Logits = logits[0]
        return row
