"""Answers of a llama-server that are taken while they are written: token by token, behind prompts of token ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Any

from benchtui.text import one_line
from benchtui.worker.answering.http.client import HttpClient
from benchtui.worker.answering.http.failures import PassingError, UnansweredError
from benchtui.worker.answering.openai import llama_texts
from benchtui.worker.answering.openai.llama_server import LlamaServer
from benchtui.worker.answering.openai.llama_tokens import LlamaTokenizer
from benchtui.worker.answering.openai.stream import documents_of
from benchtui.worker.answering.openai.streaming import read_tokens
from benchtui.worker.answering.protocol import GenerateRequest
from benchtui.worker.answering.streaming import TOP, Ended, Part, Reading, Streamed, whole_characters


class LlamaStreams:
    """How a llama-server is asked in a chat: by its own route, so that prompts are rendered here by the model's own
    template. What it has in memory of earlier turns is not read again."""

    by_messages = False
    why_no_begin = ""

    def __init__(self, server: LlamaServer, tokens: LlamaTokenizer, lora: Sequence[Mapping[str, Any]]) -> None:
        self._server = server
        self._tokens = tokens
        self._lora = lora

    @property
    def why_no_tokens(self) -> str:
        """As `Streams.why_no_tokens`."""
        return "the server decodes speculatively, and tells the first token alone" if self._server.says.drafts else ""

    def encoded(self, text: str) -> list[int] | None:
        """As `Streams.encoded`."""
        return self._tokens.encode_prompts([text])[text][0] or [self._tokens.prefix]

    def stream(self, request: GenerateRequest, begin: str = "") -> Generator[Streamed, None, None]:
        """As `Streams.stream`."""
        del begin  # it is in the prompt
        body = {
            **llama_texts.body(request, request.prompt, stops=False, lora=self._lora),
            "stream": True,
            "cache_prompt": True,
            "return_progress": True,
            "n_probs": 0 if self.why_no_tokens else TOP,
        }
        return self._server.pulled(lambda client: self._parts(client, body))

    async def _parts(self, client: HttpClient, body: Mapping[str, Any]) -> AsyncIterator[Part | Reading | Ended]:
        first = True
        async with client.stream("completion", body) as chunks:
            async for document in documents_of(chunks):
                if document.get("error"):
                    raise client.told(document)
                if (reading := _reading(document)) is not None:
                    yield reading
                    continue
                text = whole_characters(document.get("content"))
                told = document.get("completion_probabilities")
                tokens = tuple(read_tokens(told)) if isinstance(told, list) else ()
                if text and first:
                    text, first = self._tokens.unspaced(text), False
                if text or tokens:
                    yield Part(text, tokens=tokens)
                if document.get("stop") is True:
                    yield _ended(document, body)
                    return
        raise PassingError("the answer ended without saying that it is complete")


def _ended(document: Mapping[str, Any], body: Mapping[str, Any]) -> Ended:
    """What ended an answer. Raises UnansweredError where the server gave it up, or read another prompt than it was
    sent."""
    finish = llama_texts.FINISH.get(str(document.get("stop_type")))
    if finish is None:
        raise UnansweredError(f"the server gave it up (stop type {one_line(str(document.get('stop_type')), 40)})")
    read, written = _count(document, "tokens_evaluated"), _count(document, "tokens_predicted")
    if read is not None and read != len(body["prompt"]):
        raise UnansweredError(f"the server has read {read:,} tokens of a prompt of {len(body['prompt']):,}")
    timings = document.get("timings")
    cached = _count(timings, "cache_n") if isinstance(timings, Mapping) else None
    full = finish == "length" and (bool(document.get("truncated")) or (written or 0) < body["n_predict"])
    return Ended("window" if full else finish, written, read, cached)


def _reading(document: Mapping[str, Any]) -> Reading | None:
    """How far a prompt is read; None where a document does not tell it."""
    progress = document.get("prompt_progress")
    if not isinstance(progress, Mapping):
        return None
    read, whole, cached = (_count(progress, name) for name in ("processed", "total", "cache"))
    return None if read is None or whole is None else Reading(read, whole, cached or 0)


def _count(values: Mapping[str, Any], name: str) -> int | None:
    found = values.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
