"""One model of an Ollama server: what it is, whether it is loaded, and its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.models.ollama_store import modelfile_parameters
from benchtui.text import one_line
from benchtui.worker.answering.http.client import HttpClient
from benchtui.worker.answering.http.failures import PassingError
from benchtui.worker.answering.ollama.answers import Answer, model_missing, read_answer

RUNNING = "Ollama is running"
"""What the root of a server says; others imitate `/api/tags`."""


@dataclass(frozen=True)
class Loaded:
    """A model in the server's memory: the digest of its manifest, and the context it was loaded with, in tokens."""

    digest: str
    context: int


@dataclass(frozen=True)
class Shown:
    """What the server tells of a model: its template (Go's or Jinja), the Modelfile's `parameters` by name, `system`,
    `capabilities`; `renderer` and `parser` where the server has its own for it."""

    template: str
    parameters: Mapping[str, list[Any]]
    system: str
    capabilities: frozenset[str]
    renderer: str
    parser: str

    @property
    def thinks(self) -> bool:
        """Whether it thinks unless it is told not to."""
        return "thinking" in self.capabilities

    @property
    def stops(self) -> list[str]:
        """The stop strings of the Modelfile, which ours replace."""
        return [str(stop) for stop in self.parameters.get("stop", [])]


class OllamaServer:
    """Asks about one model, one try each; `client` is closed by whoever made it."""

    def __init__(self, client: HttpClient, model: str) -> None:
        self._client = client
        self._model = model

    @property
    def name(self) -> str:
        """What messages call the server."""
        return self._client.address.name

    async def version(self) -> str:
        """The server's version; self-built ones say 0.0.0. Raises BenchtuiError where it is no Ollama server."""
        root = await self._client.get("/", timeout=10)
        document = await self._client.get("/api/version", timeout=10)
        if not isinstance(root, str) or root.strip() != RUNNING or not isinstance(document, dict):
            raise BenchtuiError(f"{self.name} is no Ollama server.", "Use --backend openai for other servers.")
        return one_line(str(document.get("version", "")), 40)

    async def digest(self) -> str:
        """The digest of the model's manifest. Raises BenchtuiError where there is no such model."""
        document = await self._client.get("/api/tags", timeout=30)
        found = _named(_models(document), self._model)
        if found is None:
            raise model_missing(self.name, self._model)
        return one_line(str(found.get("digest", "")), 64)

    async def show(self) -> Shown:
        """What the server tells of the model."""
        document = await self._client.post("/api/show", {"model": self._model}, timeout=30)
        if not isinstance(document, dict):
            raise PassingError("no object in the answer of /api/show")
        return Shown(
            _text(document, "template"),
            modelfile_parameters(_text(document, "parameters")),
            _text(document, "system"),
            frozenset(str(name) for name in document.get("capabilities") or ()),
            _text(document, "renderer"),
            _text(document, "parser"),
        )

    async def loaded(self) -> Loaded | None:
        """The model as it is in the server's memory, None where it is not."""
        found = _named(_models(await self._client.get("/api/ps", timeout=30)), self._model)
        if found is None:
            return None
        context = found.get("context_length")
        return Loaded(one_line(str(found.get("digest", "")), 64), context if isinstance(context, int) else 0)

    async def ask(self, body: Mapping[str, Any], progress: Callable[[int], None]) -> Answer:
        """The answer to a body of `asking.py`; a body with messages is for `/api/chat`. Closed early, the server stops
        working on it. Raises what `read_answer` and the client raise."""
        path = "/api/chat" if "messages" in body else "/api/generate"
        async with self._client.stream(path, body) as chunks:
            return await read_answer(chunks, progress)


def _models(document: Any) -> list[dict[str, Any]]:
    models = document.get("models") if isinstance(document, dict) else None
    return [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []


def _named(models: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The model of this name; one without a tag is `latest`."""
    full = name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
    return next((model for model in models if full.lower() == str(model.get("name", "")).lower()), None)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""
