"""Looking at an Ollama server: where it is, its version, the models that it has, and what it tells of one.

The lists are read from the routes themselves: the client `ollama` leaves out `remote_host`, by which a model that runs
elsewhere is known.
"""

from __future__ import annotations

import datetime as dt
import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.backends.servers import ask, server_url
from benchtui.errors import BenchtuiError, UsageError
from benchtui.text import one_line

HOST_VARIABLE = "OLLAMA_HOST"
KEY_VARIABLE = "OLLAMA_API_KEY"
"""As Ollama's own client has it; a server on this machine asks for none."""
RUNNING = "Ollama is running"
"""What the root of a server says; others imitate `/api/tags`."""
START = "Start it with `ollama serve` (in another terminal)"
_DEFAULT_PORT = 11434
_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]*)(?::(?P<port>\d{1,5}))?/?", re.ASCII
)
_HEX = re.compile(r"[0-9a-f]{12,64}")
_SECONDS = 10.0
"""Of silence: a server that loads a model answers late."""


@dataclass(frozen=True)
class OllamaModel:
    """A model as its server lists it. `digest` is the sha256 (hex) of its manifest: it changes with the weights, the
    template and the parameters. `bytes` of all its files, `window` its longest text in tokens, `modified` in seconds
    since the epoch; `remote` is the host that computes it, "" for the server itself."""

    name: str
    digest: str
    bytes: int = 0
    quantization: str = ""
    parameters: str = ""
    family: str = ""
    window: int | None = None
    modified: float = 0.0
    remote: str = ""


@dataclass(frozen=True)
class OllamaServer:
    """A server that answers at `url`; self-built ones call their `version` 0.0.0."""

    url: str
    version: str
    models: tuple[OllamaModel, ...] = ()

    def find(self, name: str) -> OllamaModel | None:
        """Return the model with this name, as Ollama compares them: without a tag it is `latest`, without a host and a
        namespace it is one of Ollama's library."""
        wanted = _whole_name(name)
        return next((model for model in self.models if _whole_name(model.name) == wanted), None)

    def model(self, name: str | None) -> OllamaModel:
        """Return the model with this name, or the only one. Raises UsageError with the nearest names and the lines that
        get it."""
        if name is None and len(self.models) == 1:
            return self.models[0]
        if name is not None and (found := self.find(name)) is not None:
            return found
        there = ", ".join(one_line(model.name, 80) for model in self.models[:10]) or "none"
        if name is None:
            step = "Name one with --model." if self.models else "Get one with `ollama pull NAME`."
            raise UsageError(f"Ollama at {self.url} has {len(self.models)} models: {there}.", step)
        raise missing(self.url, name, [model.name for model in self.models])


def missing(url: str, name: str, names: list[str]) -> UsageError:
    """The error where a server has no model `name`, with the nearest of its `names`."""
    near = difflib.get_close_matches(full_name(name), names, n=5, cutoff=0.4) or names[:10]
    has = f"It has {', '.join(one_line(found, 80) for found in near)}. " if near else ""
    return UsageError(
        f"Ollama at {url} has no model {one_line(name, 120)!r}.",
        f"{has}`ollama pull NAME` gets one from its library, `benchtui ollama create MODEL` makes one of yours.",
    )


@dataclass(frozen=True)
class ShownModel:
    """What a server tells of one model: the Modelfile's `parameters` by name, the longest text that it was trained on
    (`window`, in tokens), and how many numbers it has (`weights`)."""

    parameters: Mapping[str, list[Any]]
    window: int | None
    weights: int | None

    @property
    def stops(self) -> list[str]:
        """The stop strings of the Modelfile, which those of a task replace."""
        return [str(stop) for stop in self.parameters.get("stop", [])]


@dataclass(frozen=True)
class OllamaAddress:
    """Where OLLAMA_HOST says that a server is."""

    host: str
    port: int
    secure: bool

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"


def parse_ollama_host(text: str) -> OllamaAddress | None:
    """Parse OLLAMA_HOST as Ollama's own programs do: `host`, `host:port`, `:port` or a URL; None for anything else.

    0.0.0.0 is where a server listens, not where it is found: it means this machine.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if not found:
        return None
    secure = found["scheme"] == "https"
    default = {"http": 80, "https": 443}.get(found["scheme"] or "", _DEFAULT_PORT)
    port = int(found["port"] or default)
    host = found["host"] or "127.0.0.1"
    if not 0 < port < 65536:
        return None
    return OllamaAddress({"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host), port, secure)  # noqa: S104


def ollama_url(server: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the address of the server: `server` (--server) where it is given, else what OLLAMA_HOST says, else
    Ollama's own port on this machine. Raises UsageError for what is no address."""
    if server is not None:
        return server_url(server, KEY_VARIABLE)
    host = environment.get(HOST_VARIABLE, "")
    address = parse_ollama_host(host)
    if address is None:
        raise UsageError(f"OLLAMA_HOST is {one_line(host, 60)!r}, which is no address.", "Set it like localhost:11434.")
    return str(address)


def full_name(name: str) -> str:
    """Return a model's name with its tag, which is `latest` where none is written."""
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def _whole_name(name: str) -> str:
    """A name with its host, namespace and tag; the name itself where it can be none."""
    from benchtui.models.ollama_store import manifest_path

    try:
        return str(manifest_path(name)).lower()
    except BenchtuiError:
        return full_name(name).lower()


def look_at_ollama(url: str, *, seconds: float = _SECONDS) -> OllamaServer:
    """Ask an Ollama server for its version and its models, newest first; `seconds` of silence are no answer.

    Raises BenchtuiError saying that it does not run, or that something else answers.
    """
    root = _asked(url, "/", seconds=seconds)
    document = _asked(url, "/api/version", seconds=seconds)
    if not isinstance(root, str) or root.strip() != RUNNING or not isinstance(document, Mapping):
        raise BenchtuiError(
            f"{one_line(url, 200)} answers, but is no Ollama server.", "Use --backend openai for other servers."
        )
    listed = _asked(url, "/api/tags", seconds=seconds)
    cards = listed.get("models") if isinstance(listed, Mapping) else None
    found = [_listed(card) for card in cards or [] if isinstance(card, Mapping) and isinstance(card.get("name"), str)]
    newest = sorted(found, key=lambda model: -model.modified)
    return OllamaServer(url, one_line(str(document.get("version", "")), 40), tuple(newest))


def show(url: str, name: str) -> ShownModel:
    """Ask a server what it tells of one model. Raises UsageError where it has no such model."""
    from benchtui.models.ollama_store import modelfile_parameters

    document = _asked(url, "/api/show", {"model": name})
    info = document.get("model_info") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(info, Mapping | None):
        raise BenchtuiError(f"{one_line(url, 200)} tells nothing of {one_line(name, 120)}.", "Check the server.")
    info = info or {}
    return ShownModel(
        modelfile_parameters(_text(document, "parameters")),
        _number(info.get(f"{info.get('general.architecture')}.context_length")),
        _number(info.get("general.parameter_count")),
    )


def _asked(url: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = _SECONDS) -> Any:
    """The JSON (or text) of a route. Raises UsageError for 404 of a model, BenchtuiError for everything else that is no
    answer."""
    shown = one_line(url, 200)
    try:
        status, document, _ = ask(url, path, KEY_VARIABLE, body, seconds=seconds)
    except OSError as error:
        reason = one_line(str(error)) or type(error).__name__
        raise BenchtuiError(
            f"Ollama does not answer at {shown}: {reason}.", f"{START}, or name another with {HOST_VARIABLE}."
        ) from error
    if status == 404 and body is not None:
        raise missing(shown, str(body["model"]), [])
    if status in (401, 403):
        raise BenchtuiError(f"{shown} wants a key (HTTP {status}).", f"Set the variable {KEY_VARIABLE} to it.")
    if status != 200:
        said = document.get("error") if isinstance(document, Mapping) else document
        raise BenchtuiError(
            f"{shown} is no Ollama server, or a broken one: HTTP {status} at {path} ({one_line(str(said), 200)}).",
            "Check --server, or OLLAMA_HOST.",
        )
    return document


def _listed(card: Mapping[str, Any]) -> OllamaModel:
    details = card.get("details")
    told = details if isinstance(details, Mapping) else {}
    digest = str(card.get("digest", ""))
    quantization = _text(told, "quantization_level")
    remote = card.get("remote_host") or card.get("remote_model")
    return OllamaModel(
        name=one_line(str(card["name"]), 300),
        digest=digest if _HEX.fullmatch(digest) else "",
        bytes=_number(card.get("size")) or 0,
        quantization="" if quantization == "unknown" else one_line(quantization, 40),
        parameters=one_line(_text(told, "parameter_size"), 40),
        family=one_line(_text(told, "family"), 60),
        window=_number(told.get("context_length")),
        modified=_moment(_text(card, "modified_at")),
        remote=one_line(str(remote), 200) if remote else "",
    )


def _moment(text: str) -> float:
    """Seconds since the epoch of a time like 2026-11-27T05:55:11.145074692Z, 0 for none."""
    try:
        return dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()
    except ValueError:
        return 0.0


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
