"""Ollama's models beside those of outputs/: which of them are the same, by what is in their files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.backends.ollama_server import HOST_VARIABLE, OllamaModel, OllamaServer, look_at_ollama, ollama_url
from benchtui.backends.servers import is_local
from benchtui.errors import BenchtuiError
from benchtui.models.gguf.same import Contents
from benchtui.models.layout import TrainedModel
from benchtui.models.ollama_store import find_stored

_PATIENCE = 2.0
"""Seconds that a list waits for a server that nobody named."""


@dataclass(frozen=True)
class ListedOllama:
    """A model of an Ollama server. `same_as` names the models and files of outputs/ with the same content; `unread`
    says why that is not known, "" where it is."""

    model: OllamaModel
    same_as: tuple[tuple[str, str], ...] = ()
    unread: str = ""


def listed_server(environment: Mapping[str, str] = os.environ) -> OllamaServer | None:
    """Return the Ollama server that a list shows without being asked to: one on this machine, or the one that
    OLLAMA_HOST names; None where none answers at once."""
    try:
        url = ollama_url(None, environment)
        if not is_local(url) and not environment.get(HOST_VARIABLE):
            return None
        return look_at_ollama(url, seconds=_PATIENCE)
    except BenchtuiError:
        return None


def listed_models(server: OllamaServer, trained: Sequence[TrainedModel], contents: Contents) -> list[ListedOllama]:
    """List the models of a server, each with the GGUF files of `trained` that hold the same.

    Only a server on this machine keeps its files here. Files of equal shape are read through, once: see Contents.
    """
    files = {
        form.path: (model.name, form.label)
        for model in trained
        for form in model.formats
        if form.kind == "gguf" and not form.problem
    }
    return [_listed(server, model, files, contents) for model in server.models]


def _listed(
    server: OllamaServer, model: OllamaModel, files: Mapping[Path, tuple[str, str]], contents: Contents
) -> ListedOllama:
    if model.remote:
        return ListedOllama(model, unread=f"runs at {model.remote}")
    if not files or not is_local(server.url):
        return ListedOllama(model)
    try:
        stored = find_stored(model.name, model.digest)
    except BenchtuiError as error:
        return ListedOllama(model, unread=error.what)
    return ListedOllama(model, tuple(files[path] for path in contents.same(stored.gguf, files)))
