"""Answers that are taken while they are written, from any server that speaks OpenAI's language."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from typing import Any

from benchtui.backends.openai import LLAMA_SERVER, SGLANG, VLLM
from benchtui.runs.kinds.chat.events import Candidate, ChatToken
from benchtui.text import one_line
from benchtui.worker.answering.http.client import HttpClient
from benchtui.worker.answering.http.failures import PassingError, RefusedError, UnansweredError
from benchtui.worker.answering.openai import texts
from benchtui.worker.answering.openai.server import GIVEN_UP, Server
from benchtui.worker.answering.openai.stream import documents_of
from benchtui.worker.answering.protocol import GenerateRequest
from benchtui.worker.answering.streaming import TOP, Ended, Part, Reason, Streamed, whole_characters

CHAT = "/v1/chat/completions"
_CONTINUES: Mapping[str, Mapping[str, Any]] = {
    VLLM: {"continue_final_message": True, "add_generation_prompt": False},
    SGLANG: {"continue_final_message": True},
    LLAMA_SERVER: {},
}
"""What makes a product continue a last message of the assistant; the others close it, and begin another one."""
_TRIAL = GenerateRequest((), '[{"role": "user", "content": "Hello"}]', 1, (), {"do_sample": False}, 0, ())


class OpenAIStreams:
    """How a server is asked by messages. `more`: it takes settings that OpenAI's own refuse; `stream`: how it
    streams."""

    by_messages = True

    def __init__(self, server: Server, *, more: bool, stream: texts.Streaming) -> None:
        """Look whether it tells log-probabilities. Raises BenchtuiError where it answers nothing."""
        self._server = server
        self._more = more
        self._stream = stream
        self._tells = server.run(self._tells_tokens())

    async def _tells_tokens(self) -> bool:
        try:
            answer = await self._server.post(CHAT, self._body(_TRIAL, "", tells=True, stream="no"))
        except (RefusedError, UnansweredError):
            return False
        choice = _choice(answer)
        return choice is not None and bool(_tokens(choice))

    @property
    def why_no_tokens(self) -> str:
        """As `Streams.why_no_tokens`."""
        return "" if self._tells else "the server tells no log-probabilities by its chat route"

    @property
    def why_no_begin(self) -> str:
        """As `Streams.why_no_begin`."""
        if self._server.facts.product in _CONTINUES:
            return ""
        return f"{self._server.address.name} begins each answer anew"

    def encoded(self, text: str) -> list[int] | None:
        """As `Streams.encoded`: the server applies its own template."""
        del text
        return None

    def stream(self, request: GenerateRequest, begin: str = "") -> Generator[Streamed, None, None]:
        """As `Streams.stream`."""
        body = self._body(request, begin, tells=self._tells, stream=self._stream)
        return self._server.pulled(lambda client: _as_long_as_it_can(client, body, request.limit))

    def _body(self, request: GenerateRequest, begin: str, *, tells: bool, stream: texts.Streaming) -> dict[str, Any]:
        settings = dict(request.settings)
        if not settings.get("top_k", 1):  # all tokens: no server but OpenAI's takes 0 for it throughout
            settings |= {"top_k": -1 if self._more else None}
        name = self._server.model.name
        request = GenerateRequest((), request.text, request.limit, (), settings, request.seed, ())
        body = texts.body(request, name, request.text, chat=True, stops=False, more=self._more, stream=stream)
        if begin:
            body["messages"] = [*body["messages"], {"role": "assistant", "content": begin}]
            body |= _CONTINUES[self._server.facts.product]
        return {**body, **({"logprobs": True, "top_logprobs": TOP} if tells else {})}


async def _as_long_as_it_can(client: HttpClient, body: Mapping[str, Any], limit: int) -> AsyncIterator[Part | Ended]:
    """What comes of an answer; where the window holds the prompt, and not `limit` tokens more, up to its end: vLLM and
    SGLang refuse the wish for more."""
    began = False
    try:
        async for one in _parts(client, body, limit):
            began = True
            yield one
    except (UnansweredError, RefusedError) as error:
        if began or (isinstance(error, RefusedError) and "max_tokens" not in error.what):
            raise
        without = {name: value for name, value in body.items() if name != "max_tokens"}
        async for one in _parts(client, without, limit):
            yield one


async def _parts(client: HttpClient, body: Mapping[str, Any], limit: int) -> AsyncIterator[Part | Ended]:
    finish, cached = "", None
    usage: Mapping[str, Any] = {}
    async with client.stream(CHAT, body) as chunks:
        async for document in documents_of(chunks):
            if document.get("error"):
                raise client.told(document)
            usage = _mapping(document.get("usage")) or usage
            cached = _cached(document, cached)
            choice = _choice(document)
            if choice is None:
                continue
            said = _mapping(choice.get("delta")) or _mapping(choice.get("message"))
            part = Part(
                whole_characters(said.get("content")),
                whole_characters(said.get("reasoning_content") or said.get("reasoning")),
                _tokens(choice),
            )
            if part.text and finish:
                raise PassingError("a piece of text came after the end of the answer")
            if part != Part():
                yield part
            if isinstance(choice.get("finish_reason"), str):
                finish = choice["finish_reason"]
    reason = _reason(finish, _count(usage, "completion_tokens"), limit)
    yield Ended(reason, _count(usage, "completion_tokens"), _count(usage, "prompt_tokens"), cached)


def _reason(finish: str, written: int | None, limit: int) -> Reason:
    """What ended an answer. Raises UnansweredError where a filter kept it back, PassingError where it is half a one."""
    if not finish:
        raise PassingError("the answer ended without saying that it is complete")
    if finish.lower() in texts.FILTERED:
        raise UnansweredError(f"the server's filter kept the answer back (finish reason {one_line(finish, 40)})")
    if finish in GIVEN_UP:
        raise PassingError(f"the server gave it up (finish reason {one_line(finish, 40)})")
    if finish == "length":
        return "window" if written is not None and written < limit else "length"
    return "end"


def _choice(document: Any) -> Mapping[str, Any] | None:
    """The only choice of a document; None where it has none, as the one with the counts."""
    found = document.get("choices") if isinstance(document, Mapping) else None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], Mapping) else None


def _tokens(choice: Mapping[str, Any]) -> tuple[ChatToken, ...]:
    """The tokens of a choice with their likeliest, () where it does not tell them."""
    told = _mapping(choice.get("logprobs")).get("content")
    return tuple(read_tokens(told)) if isinstance(told, list) else ()


def read_tokens(entries: Iterable[Any]) -> Generator[ChatToken, None, None]:
    """Yield tokens as they are told by chat routes, and by llama-server with their ids. Raises PassingError for what is
    no token with a number."""
    for entry in entries:
        told = _mapping(entry)
        top = told.get("top_logprobs")
        number = told.get("id", -1)
        yield ChatToken(
            number if isinstance(number, int) else -1,
            whole_characters(told.get("token")),
            _logprob(entry),
            None,
            tuple(
                Candidate(whole_characters(_mapping(one).get("token")), value)
                for one in (top if isinstance(top, list) else ())[:TOP]
                if (value := _logprob(one)) is not None
            ),
        )


def _logprob(entry: Any) -> float | None:
    """The log-probability of a token in nats; None where it is no finite number, as of a token that cannot come."""
    value = _mapping(entry).get("logprob")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PassingError(f"a log-probability in the answer is no number of a token: {one_line(str(entry), 80)}")
    return float(value) if math.isfinite(value) else None


def _cached(document: Mapping[str, Any], before: int | None) -> int | None:
    """How many tokens of the prompt were not computed again: OpenAI's word for it, and llama-server's."""
    details = _mapping(_mapping(document.get("usage")).get("prompt_tokens_details"))
    timings = _mapping(document.get("timings"))
    found = _count(details, "cached_tokens")
    return found if found is not None else _count(timings, "cache_n") if timings else before


def _count(values: Mapping[str, Any], name: str) -> int | None:
    found = values.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
