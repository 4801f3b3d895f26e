"""The server of a plan that speaks OpenAI's language, and whether it still has the same model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchtui.backends.servers import ServedModel, ServerFacts, look
from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import PassingError, UnansweredError, said
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.http.patient_server import PatientServer
from benchtui.worker.answering.openai.stream import read_stream
from benchtui.worker.answering.protocol import ModelChangedError

GIVEN_UP = frozenset({"abort", "error", "cancelled"})
"""Finish reasons beside a text that is not whole: vLLM and SGLang write them where they run out of room."""
_TOO_LONG = ("context length", "context_length_exceeded", "exceed_context_size_error", "exceeds the available context")


@dataclass(frozen=True)
class Streamed:
    """An answer that came in so many `pieces`, 0 where it came as a whole: its first text after `first_seconds`, the
    rest of it in `seconds` more; None where it has no text."""

    document: Any
    first_seconds: float | None = None
    seconds: float | None = None
    pieces: int = 0


class Server(PatientServer):
    """A server with the model that a plan names, as it says of itself."""

    def __init__(
        self,
        address: Address,
        model: str,
        *,
        width: int = 8,
        timeout: float = 300.0,
        patience: Patience | None = None,
    ) -> None:
        """Look at the server. Raises BenchtuiError where it does not answer, UsageError where it has no such model."""
        self.facts: ServerFacts = look(address.url, address.key_variable)
        self.model: ServedModel = self.facts.model(model)
        super().__init__(address, alive="/v1/models", width=width, timeout=timeout, refused=too_long, patience=patience)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that the server answers, asked again while that may help. Raises what `patiently` raises."""

        async def once(client: HttpClient) -> Any:
            async with self._in_time():
                scores = "logprobs" in body
                return _whole(client, await client.post(path, body), ended=not scores)

        return await self.patiently(once)

    async def stream(
        self, path: str, body: Mapping[str, Any], *, chat: bool, stops: Sequence[str], came: Callable[[], None]
    ) -> Streamed:
        """The same answer, read as it comes; `came` is called with each piece, and the connection closed at the first
        of `stops`, which spares the rest."""

        async def once(client: HttpClient) -> Streamed:
            asked, moments, pieces = time.monotonic(), list[float](), 0

            def piece(has_text: bool) -> None:
                nonlocal pieces
                pieces += 1
                if has_text:
                    moments.append(time.monotonic())
                came()

            async with self._in_time(), client.stream(path, body) as chunks:
                document = await read_stream(chunks, chat=chat, stops=stops, came=piece)
            return Streamed(
                _whole(client, document, ended=True),
                moments[0] - asked if moments else None,
                moments[-1] - moments[0] if moments else None,
                pieces,
            )

        return await self.patiently(once)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Raise PassingError where one answer takes longer than it may, though bytes keep coming."""
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError:
            raise PassingError(f"no answer within {self.timeout:g} s") from None

    def check_same(self) -> None:
        """As `PatientServer.check_same`."""
        try:
            now = look(self.address.url, self.address.key_variable)
            model = now.model(self.model.name)
        except BenchtuiError as error:
            raise ModelChangedError(f"Whether {self.address.name} still has the same model is not known: {error.what}",
                                    "Start it with that model, then `benchtui resume`.") from error  # fmt: skip
        if (now.product, model.identity) != (self.facts.product, self.model.identity):
            raise ModelChangedError(
                f"{self.address.name} has another model than at the start ({model.identity}; it was "
                f"{self.model.identity}): what it answered for this task does not count.",
                "Start it with the first one, then `benchtui resume`.",
            )


def _whole(client: HttpClient, document: Any, *, ended: bool) -> Any:
    """An answer as it is. Raises what it means where it is an error under status 200, or half an answer; where it must
    have `ended`, also where it does not say by what."""
    if isinstance(document, Mapping) and document.get("error"):
        raise client.told(document)
    if given_up := _given_up(document):
        raise PassingError(f"the server gave it up (finish reason {given_up})")
    if ended and None in _reasons(document):
        raise PassingError("the answer does not say what ended it: the finish reason is null")
    return document


def _given_up(document: Any) -> str:
    """The reason why an answer is half a one, "" where it is whole."""
    return next((reason for reason in _reasons(document) if isinstance(reason, str) and reason in GIVEN_UP), "")


def _reasons(document: Any) -> list[Any]:
    """The finish reasons of the choices."""
    choices = document.get("choices") if isinstance(document, Mapping) else None
    listed = choices if isinstance(choices, list) else ()
    return [choice.get("finish_reason") for choice in listed if isinstance(choice, Mapping)]


def window_of(asked: int | None, there: int | None, *, beyond: int = 0) -> tuple[int, tuple[str, ...]]:
    """The longest text in tokens that a model at a server reads: what the plan `asked` for, and no more than what is
    `there`, 0 where neither is known; and a caveat where it is shorter than what was asked. `beyond` are the tokens of
    a request behind those that are read: the last one of a continuation, and one that the server must write."""
    room = max((there or 0) - beyond, 0)
    window = min(asked or room, room or asked or 0)
    if asked and window < asked:
        return window, (f"The server's context holds {there} tokens a request: {window} were used, not {asked}.",)
    return window, ()


def too_long(status: int, document: Any) -> Exception | None:
    """What a refusal means for the prompt alone: one that the server's window does not hold has no answer."""
    if status in (400, 413) and any(word in str(document) for word in _TOO_LONG):
        return UnansweredError(f"too long for the server: {said(document)}")
    return None
