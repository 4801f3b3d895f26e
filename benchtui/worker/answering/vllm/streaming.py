"""Answers of vLLM's engine in this process that are taken while they are written."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Mapping
from typing import Any

from benchtui.runs.kinds.chat.events import Candidate, ChatToken
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.protocol import GenerateRequest, Tokenizer
from benchtui.worker.answering.streaming import TOP, Ended, Part, Reason, Streamed, whole_characters
from benchtui.worker.answering.vllm.engine import Asked, Engine
from benchtui.worker.answering.vllm.generation import sampling


class VllmStreams:
    """How vLLM's engine is asked in a chat: several answers at once, one step of the engine after another. `defaults`
    are those of the model's generation_config.json; what vLLM has in memory of earlier turns it does not read again."""

    by_messages = False
    why_no_tokens = ""
    why_no_begin = ""

    def __init__(self, engine: Engine, tokens: Tokenizer, defaults: Mapping[str, Any]) -> None:
        self._engine = engine
        self._tokens = tokens
        self._defaults = defaults
        self._came: dict[str, deque[Any]] = {}

    def encoded(self, text: str) -> list[int] | None:
        """As `Streams.encoded`."""
        return self._tokens.encode_prompts([text])[text][0] or [self._tokens.prefix]

    def stream(self, request: GenerateRequest, begin: str = "") -> Generator[Streamed, None, None]:
        """As `Streams.stream`."""
        del begin  # it is in the prompt
        name = self._engine.begin(Asked(request.prompt, self._params(request), ()))
        came = self._came[name] = deque()
        told = _Told()
        try:
            while True:
                if not came:
                    for output in self._engine.advance():
                        if output.request_id in self._came:
                            self._came[output.request_id].append(output)
                output = came.popleft() if came else None
                yield None if output is None else told.more(output)
                if output is not None and output.finished:
                    yield _ended(output, request)
                    return
        finally:
            del self._came[name]
            self._engine.drop(name)

    def _params(self, request: GenerateRequest) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            **sampling(request.settings, self._defaults),
            seed=request.seed % 2**63,
            max_tokens=request.limit,
            logprobs=TOP,
        )


class _Told:
    """How much of an answer was told; vLLM tells all of it each time."""

    def __init__(self) -> None:
        self._characters = 0
        self._tokens = 0

    def more(self, output: Any) -> Part:
        """Return what is new of an answer."""
        written = output.outputs[0]
        text, ids = written.text[self._characters :], list(written.token_ids)[self._tokens :]
        places = list(written.logprobs or ())[self._tokens : self._tokens + len(ids)]
        self._characters += len(text)
        self._tokens += len(ids)
        tokens = (_token(one, place) for one, place in zip(ids, places, strict=True))
        return Part(whole_characters(text), tokens=tuple(tokens))


def _token(one: int, place: Mapping[int, Any]) -> ChatToken:
    ranked = sorted((told for told in place.values() if math.isfinite(told.logprob)), key=lambda told: -told.logprob)
    top = tuple(Candidate(whole_characters(told.decoded_token), float(told.logprob)) for told in ranked[:TOP])
    logprob = float(place[one].logprob)
    known = logprob if math.isfinite(logprob) else None
    return ChatToken(one, whole_characters(place[one].decoded_token), known, None, top)


def _ended(output: Any, request: GenerateRequest) -> Ended:
    """What ended an answer. Raises UnansweredError where vLLM gave it up."""
    written = output.outputs[0]
    if written.finish_reason not in ("stop", "length"):
        raise UnansweredError(f"vLLM gave it up (finish reason {one_line(str(written.finish_reason), 40)})")
    count = len(written.token_ids)
    reason: Reason = "end" if written.finish_reason == "stop" else "window" if count < request.limit else "length"
    return Ended(reason, count, len(output.prompt_token_ids), output.num_cached_tokens)
