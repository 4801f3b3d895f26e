"""The Ollama server of a plan: one model of it is loaded, asked, and watched for being replaced."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchtui.backends.ollama_server import KEY_VARIABLE, OllamaServer, look_at_ollama
from benchtui.errors import BenchtuiError
from benchtui.models.source import ServedSource
from benchtui.text import one_line
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.http.patient_server import PatientServer
from benchtui.worker.answering.ollama.answers import Answer, read_answer, refusal
from benchtui.worker.answering.protocol import ModelChangedError

WIDTH = 4
"""Requests under way at a time where the user names no number (--batch-size). The server answers as many of them at
once as OLLAMA_NUM_PARALLEL says; the others wait in it."""
PATIENCE = Patience()
_LOADING = 0.25
"""Seconds above which a model was loaded for a request: where it was there, finding it took at most 0.07."""


class Server(PatientServer):
    """A server that has the model of `source`. `loads` counts how often it was loaded again for an answer."""

    def __init__(self, source: ServedSource, *, width: int, timeout: float) -> None:
        """Look at the server. Raises BenchtuiError where it does not run or has another model than the plan names."""
        address = Address(source.server, KEY_VARIABLE)
        self.facts: OllamaServer = look_at_ollama(source.server)
        self.name = source.path
        self.digest = source.identity
        self.loads = 0
        if (now := self.facts.model(self.name).digest) != self.digest:
            raise self._another(f"{self.name} at {address.name} is", now)
        super().__init__(
            address,
            alive="/api/version",
            width=width,
            timeout=timeout,
            refused=refusal(address.name, self.name),
            patience=PATIENCE,
        )

    async def ask(self, body: Mapping[str, Any], progress: Callable[[int], None]) -> Answer:
        """The answer to a body of `asking.py`, asked again while that may help. Raises what `patiently` raises."""
        answer = await self.patiently(lambda client: ask_once(client, body, progress))
        if answer.load_seconds > _LOADING:
            self.loads += 1
            self.observer.decision(
                "loads of the model",
                str(self.loads),
                "Ollama had to load it again during the run: another model or another context took its place",
            )
        return answer

    def _another(self, what: str, digest: str) -> BenchtuiError:
        return BenchtuiError(
            f"{what} another model than the plan names: its digest is {one_line(digest[:12])}, planned was "
            f"{one_line(self.digest[:12])}.",
            "Start a new run.",
        )

    async def load(self, body: Mapping[str, Any]) -> int | None:
        """Load the model by a body of `Asking.load`; returns its context in tokens, None where the server does not
        tell. Raises BenchtuiError where another model was loaded."""
        await self.patiently(lambda client: client.post("/api/generate", body))
        document = await self.patiently(lambda client: client.get("/api/ps"))
        models = document.get("models") if isinstance(document, dict) else None
        for model in models or []:
            if isinstance(model, dict) and str(model.get("name", "")).lower() == self.name.lower():
                if (digest := str(model.get("digest") or self.digest)) != self.digest:
                    raise self._another(f"Ollama at {self.address.name} says {self.name}, and has loaded", digest)
                context = model.get("context_length")
                return context if isinstance(context, int) and context > 0 else None
        return None

    def check_same(self) -> None:
        """As `PatientServer.check_same`."""
        try:
            digest = look_at_ollama(self.address.url).model(self.name).digest
        except BenchtuiError as error:
            raise ModelChangedError(
                f"Whether Ollama at {self.address.name} still has the same {self.name} is not known: {error.what}",
                f"{error.next_step} Then `benchtui resume`.",
            ) from error
        if digest != self.digest:
            raise ModelChangedError(
                f"{self.name} at {self.address.name} is another model than at the start (digest "
                f"{one_line(digest[:12])}, it was {self.digest[:12]}): what it answered for this task does not count.",
                "Restore it, then `benchtui resume`; or start a new run.",
            )


async def ask_once(client: HttpClient, body: Mapping[str, Any], progress: Callable[[int], None]) -> Answer:
    """The answer to one try; a body with messages is for `/api/chat`. `progress` is told how many pieces came. Closed
    early, the server stops working on it. Raises what `read_answer` and the client raise."""
    path = "/api/chat" if "messages" in body else "/api/generate"
    asked, first = time.monotonic(), list[float]()

    def came(pieces: int) -> None:
        if not first:
            first.append(time.monotonic() - asked)
        progress(pieces)

    async with client.stream(path, body) as chunks:
        answer = await read_answer(chunks, came)
    return dataclasses.replace(answer, first_seconds=first[0]) if first else answer
