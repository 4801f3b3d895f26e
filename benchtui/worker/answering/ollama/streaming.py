"""Answers of an Ollama server that are taken while they are written."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Generator, Mapping
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.chat.events import Candidate, ChatToken
from benchtui.text import one_line
from benchtui.worker.answering.http.client import HttpClient
from benchtui.worker.answering.http.failures import PassingError, UnansweredError
from benchtui.worker.answering.ollama.answers import (
    NOT_AN_ANSWER,
    REASONS,
    GuardError,
    Repeating,
    documents_of,
    read_logprobs,
)
from benchtui.worker.answering.ollama.asking import Asking
from benchtui.worker.answering.ollama.server import Server
from benchtui.worker.answering.openai.texts import messages_of
from benchtui.worker.answering.protocol import GenerateRequest, Tokenizer, Unobserved
from benchtui.worker.answering.streaming import TOP, Ended, Part, Streamed, whole_characters

_REFUSES_LONG = (0, 12, 6)
"""The first version that refuses a prompt that is too long, where it is told to."""
_TRIAL = "The capital of France is"


class OllamaStreams:
    """How one model of a server is asked: by messages, for the server's own template, or by prompts as they are, of
    which `tokens` are known where its GGUF is here."""

    def __init__(self, server: Server, asking: Asking, tokens: Tokenizer | None, *, by_messages: bool) -> None:
        """Look what the server tells. Raises BenchtuiError where it would cut prompts, and nobody would notice."""
        self._server = server
        self._asking = asking
        self._tokens = tokens
        self.by_messages = by_messages
        told = server.run(server.ask(asking.probe(_TRIAL, 1), Unobserved().tokens))
        self._tells = bool(told.logprobs)
        version = _version(server.facts.version)
        if tokens is None and (0, 0, 0) < version < _REFUSES_LONG:
            raise BenchtuiError(
                f"Ollama {one_line(server.facts.version, 40)} cuts messages that are too long without saying so.",
                "Update Ollama (0.12.6 or later).",
            )

    @property
    def why_no_tokens(self) -> str:
        """As `Streams.why_no_tokens`."""
        return "" if self._tells else "Ollama tells log-probabilities from version 0.12.11 on"

    @property
    def why_no_begin(self) -> str:
        """As `Streams.why_no_begin`: its chat route closes an answer that is begun, and begins another one."""
        return "Ollama begins each answer anew where it applies its own chat template" if self.by_messages else ""

    def encoded(self, text: str) -> list[int] | None:
        """As `Streams.encoded`."""
        return None if self._tokens is None else self._tokens.encode_prompts([text])[text][0]

    def stream(self, request: GenerateRequest, begin: str = "") -> Generator[Streamed, None, None]:
        """As `Streams.stream`."""
        del begin
        if self.by_messages:
            body = self._asking.chat(request, messages_of(request.text), stops=False)
        else:
            body = self._asking.generate(request, request.text, stops=False)
        if self._tells:
            body |= {"logprobs": True, "top_logprobs": TOP}
        return self._server.pulled(lambda client: _parts(client, body, request))


async def _parts(client: HttpClient, body: Mapping[str, Any], request: GenerateRequest) -> AsyncIterator[Part | Ended]:
    repeating = Repeating()
    async with client.stream("/api/chat" if "messages" in body else "/api/generate", body) as chunks:
        async for document in documents_of(chunks):
            message = document.get("message")
            said = message if isinstance(message, dict) else document
            text = whole_characters(said.get("content" if said is message else "response"))
            thought = whole_characters(said.get("thinking"))
            tokens = tuple(
                ChatToken(-1, whole_characters(one.text), one.logprob, None, _candidates(one.top))
                for one in read_logprobs(document.get("logprobs"))
            )
            if text or thought or tokens:
                repeating.add(text + thought)
                yield Part(text, thought, tokens)
            if document.get("done") is True and isinstance(document.get("done_reason"), str):
                yield _ended(document, request)
                return
    if repeating.by_guard:
        raise GuardError
    raise PassingError("the answer ended without saying that it is complete")


def _candidates(top: tuple[tuple[str, float], ...]) -> tuple[Candidate, ...]:
    return tuple(Candidate(whole_characters(text), logprob) for text, logprob in top[:TOP])


def _ended(document: Mapping[str, Any], request: GenerateRequest) -> Ended:
    """What ended an answer. Raises UnansweredError where it was none, or where less of the prompt was read than was
    sent; PassingError where it was given up."""
    reason, written = document["done_reason"], _count(document.get("eval_count"))
    read = _count(document.get("prompt_eval_count"))
    if reason not in REASONS:
        raise PassingError(f"the server gave it up (done reason {one_line(reason, 40) or 'empty'})")
    if reason in NOT_AN_ANSWER:
        raise UnansweredError(f"Ollama only answers that it did {one_line(reason, 20)} the model")
    if request.prompt and read is not None and read < len(request.prompt) - 1:  # it may count its start token or not
        raise UnansweredError(f"Ollama has read {read:,} of the prompt's {len(request.prompt):,} tokens: it has cut it")
    if reason == "stop":
        return Ended("end", written, read)
    return Ended("window" if written is not None and written < request.limit else "length", written, read)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _version(text: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)
