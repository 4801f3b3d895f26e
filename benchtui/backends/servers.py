"""Looking at a server: whether it answers, what product it is, and what it says of its models."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchtui.errors import BenchtuiError, UsageError
from benchtui.text import one_line

SECONDS, TRIES = 2.0, 3
ANSWER_SECONDS = 60.0
"""For what has to be computed first."""
LARGEST = 16 * 2**20
KEY_VARIABLE = "OPENAI_API_KEY"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama-server", "library": "ollama"}
"""Who a model is `owned_by` at a product's /v1/models."""
_NO_ROUTE = frozenset({400, 404, 405, 501})
"""What a server answers for a route that it does not have, or has switched off; a router of several models, 400."""


@dataclass(frozen=True)
class ServedModel:
    """A model as its server lists it. `identity` is all that the server tells by which another model would be noticed;
    `window` its longest text in tokens, `file` the path of its weights on the server's disk, None where not told."""

    name: str
    identity: str
    window: int | None = None
    file: str | None = None
    parameters: int | None = None
    bytes: int = 0
    parent: str | None = None


@dataclass(frozen=True)
class ServerFacts:
    """`product` is what answers at `url` (llama-server, vllm, sglang, ollama, openai: anything else that speaks its
    language), `version` its own, "" where it tells none; `template` the chat template that it tells."""

    url: str
    product: str
    models: tuple[ServedModel, ...]
    version: str = ""
    template: str | None = None
    special_tokens: tuple[tuple[str, str], ...] = ()

    def model(self, name: str | None) -> ServedModel:
        """The model with this name, or the only one. Raises UsageError with the nearest names."""
        found = [model for model in self.models if name in (None, model.name)]
        if len(found) == 1:
            return found[0]
        there = ", ".join(one_line(model.name, 80) for model in self.models[:10]) or "none"
        if name is None:
            raise UsageError(f"{self.url} has {len(self.models)} models: {there}.", "Name one with --model.")
        raise UsageError(f"{self.url} has no model {one_line(name, 120)!r}.", f"It has {_nearest(name, self)}.")


def _nearest(name: str, facts: ServerFacts) -> str:
    import difflib

    names = [model.name for model in facts.models]
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.4) or names[:10]
    return ", ".join(one_line(found, 80) for found in near) or "none"


def is_local(url: str) -> bool:
    """Return whether a server's address is one of this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def server_url(text: str, key_variable: str = KEY_VARIABLE) -> str:
    """A server's address without the /v1 that clients are often given. Raises UsageError for what is none, and for one
    with a password in it: a plan holds it."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:  # a bracket that is never closed
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{one_line(text)!r} is no server's address.", "Give one such as http://127.0.0.1:8000.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "--server takes an address without a name, a password or a query: it is written into the run's files.",
            f"Put the key into the variable {key_variable}.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/v1")


def look(url: str, key_variable: str = KEY_VARIABLE) -> ServerFacts:
    """Ask a server for its models, within 2 s and three times. Raises BenchtuiError saying that it does not answer, is
    still loading, or wants a key; also where only a part of what tells its model apart came."""
    _, models, headers = _asked_patiently(url, "/v1/models", key_variable)
    listed = models.get("data") if isinstance(models, Mapping) else None
    cards = [card for card in listed or [] if isinstance(card, Mapping) and isinstance(card.get("id"), str)]
    if not isinstance(models, Mapping) or "data" not in models:
        raise BenchtuiError(
            f"{one_line(url, 200)} answers, but lists no models at /v1/models.",
            "Give --server the address of an OpenAI-compatible server.",
        )
    product = _product(cards, headers)
    found = _with_windows_of_parents(tuple(_served(card) for card in cards))
    if product == "llama-server":
        return _llama(url, key_variable, found)
    if product == "sglang":
        info = _or_nothing(url, "/model_info", key_variable) or _or_nothing(url, "/get_model_info", key_variable)
        told = " ".join(f"{name}={info[name]}" for name in ("model_path", "weight_version") if info.get(name))
        server = _or_nothing(url, "/server_info", key_variable) or _or_nothing(url, "/get_server_info", key_variable)
        found = tuple(_as_sglang_takes(_with(model, told), server) for model in found)
        return ServerFacts(url, product, found, one_line(str(server.get("version", "")), 60))
    version = _or_nothing(url, "/version", key_variable).get("version", "") if product == "vllm" else ""
    return ServerFacts(url, product, found, one_line(str(version), 60))


def _product(cards: list[Mapping[str, Any]], headers: Mapping[str, str]) -> str:
    if "llama.cpp" in headers.get("server", "").lower():
        return "llama-server"
    owners = {str(card.get("owned_by", "")).lower() for card in cards}
    return next((product for owner, product in _OWNERS.items() if owner in owners), "openai")


def _served(card: Mapping[str, Any]) -> ServedModel:
    meta = card.get("meta") if isinstance(card.get("meta"), Mapping) else {}
    told = {"root": card.get("root"), "parent": card.get("parent")}
    told |= {name: meta.get(name) for name in ("n_params", "size", "ftype", "n_vocab")}  # type: ignore[union-attr]
    words = " ".join(f"{name}={value}" for name, value in told.items() if value is not None)
    window, parent = _number(card.get("max_model_len") or meta.get("n_ctx_train")), card.get("parent")  # type: ignore[union-attr]
    return ServedModel(
        name=str(card["id"]),
        identity=_shortened(f"{card['id']} {words}".strip(), 400),
        window=window,
        parameters=_number(meta.get("n_params")),  # type: ignore[union-attr]
        bytes=_number(meta.get("size")) or 0,  # type: ignore[union-attr]
        parent=parent if isinstance(parent, str) else None,
    )


def _with_windows_of_parents(found: tuple[ServedModel, ...]) -> tuple[ServedModel, ...]:
    """vLLM tells no window of an adapter: it is that of its base, which it names."""
    import dataclasses

    windows = {model.name: model.window for model in found if model.parent is None}
    return tuple(
        dataclasses.replace(model, window=windows.get(model.parent))
        if model.window is None and model.parent is not None
        else model
        for model in found
    )


def _llama(url: str, key_variable: str, found: tuple[ServedModel, ...]) -> ServerFacts:
    """llama-server answers for any name with the one model that it has, which it calls by its path where nobody named
    it; the window is that of one slot."""
    import dataclasses

    props = _or_nothing(url, "/props", key_variable)
    settings = props.get("default_generation_settings")
    window = _number(settings.get("n_ctx")) if isinstance(settings, Mapping) else None
    file = props.get("model_path")
    told = " ".join(
        f"{name}={value}"
        for name, value in (("model_path", file), ("n_ctx", window), *_adapters(url, key_variable))
        if value is not None
    )
    models = tuple(
        dataclasses.replace(
            _with(model, told),
            name=re.split(r"[/\\]", file)[-1] if model.name == file and isinstance(file, str) else model.name,
            window=None if window is None else min(window - 1, model.window or window),  # a place for what is written
            file=file if isinstance(file, str) else None,
        )
        for model in found
    )
    tokens = tuple((name, props[name]) for name in ("bos_token", "eos_token") if isinstance(props.get(name), str))
    template = props.get("chat_template")
    return ServerFacts(
        url,
        "llama-server",
        models,
        one_line(str(props.get("build_info", "")), 60),
        template if isinstance(template, str) and template else None,
        tokens,
    )


def _adapters(url: str, key_variable: str) -> list[tuple[str, Any]]:
    """The LoRA adapters that llama-server has loaded, with the scales that it applies them with."""
    status, found, _ = _asked_patiently(url, "/lora-adapters", key_variable, may_lack=_NO_ROUTE)
    listed = found if status == 200 and isinstance(found, list) else []
    return [("adapter", f"{one.get('path')}@{one.get('scale')}") for one in listed if isinstance(one, Mapping)]


def _as_sglang_takes(model: ServedModel, server: Mapping[str, Any]) -> ServedModel:
    """With the longest prompt that SGLang's scheduler does not refuse: shorter than max_req_input_len, which also the
    room of its cache bounds, and in any case shorter than the model's window."""
    import dataclasses

    bounds = [bound for bound in (model.window, _number(server.get("max_req_input_len"))) if bound is not None]
    return dataclasses.replace(model, window=min(bounds) - 1 if bounds else None)


def _with(model: ServedModel, told: str) -> ServedModel:
    import dataclasses

    return dataclasses.replace(model, identity=_shortened(f"{model.identity} {told}".strip(), 600))


def _shortened(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters; where that leaves anything out, with a digest of the whole."""
    import hashlib

    shown = one_line(text, limit)
    if shown == text:
        return shown
    mark = f" sha256={hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]}"
    return one_line(text, limit - len(mark)) + mark


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _or_nothing(url: str, path: str, key_variable: str) -> Mapping[str, Any]:
    """What a route answers that not every version has. Raises BenchtuiError where it cannot be known: a server that is
    slow to answer would look like another one."""
    status, document, _ = _asked_patiently(url, path, key_variable, may_lack=_NO_ROUTE)
    return document if status == 200 and isinstance(document, Mapping) else {}


def _asked_patiently(
    url: str, path: str, key_variable: str, *, may_lack: frozenset[int] = frozenset()
) -> tuple[int, Any, Mapping[str, str]]:
    """What a route answers, with status 200 or one of `may_lack`; asked again while that may help. Raises BenchtuiError
    where it answers nothing else."""
    shown = one_line(url, 200)
    why = ""
    for tried in range(TRIES):
        if tried:
            time.sleep(0.3)
        try:
            status, document, headers = ask(url, path, key_variable)
        except OSError as error:
            why = one_line(str(error)) or type(error).__name__
            continue
        if status == 200 or status in may_lack:
            return status, document, headers
        if status in (401, 403):
            raise BenchtuiError(
                f"{shown} wants a key (HTTP {status}).", f"Set the variable {key_variable} to it, then try again."
            )
        why = f"HTTP {status}"
        if status == 503:
            why = "it is still loading its model (HTTP 503)"
        elif status < 500 and status != 429:
            break
    if may_lack:
        raise BenchtuiError(f"{shown} does not answer at {path}: {why}.", "Try again when it is less busy.")
    raise BenchtuiError(f"{shown} does not answer as a server: {why}.", "Start the server, or check --server.")


def why_no_echo(url: str, model: str, key_variable: str = KEY_VARIABLE) -> str:
    """Ask for the scores of one short prompt; return why they do not come, "" where they do.

    "" also where no answer comes within a minute: then only the worker's probe tells. Whether they are right is its
    question too.
    """
    asked = {"model": model, "prompt": "The sun rises in the east.", "max_tokens": 1, "echo": True, "logprobs": 1}
    try:
        status, document, _ = ask(
            url, "/v1/completions", key_variable, {**asked, "temperature": 1}, seconds=ANSWER_SECONDS
        )
    except OSError:
        return ""
    if status == 429 or status >= 500:
        return ""
    if status != 200 or not isinstance(document, Mapping) or document.get("error"):
        return f"it refuses to score a prompt (HTTP {status})"
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    told = choice.get("logprobs")
    values = told.get("token_logprobs") if isinstance(told, Mapping) else None
    if not isinstance(values, list) or len(values) < 3:
        return "it ignores echo, and tells no log-probabilities of a prompt"
    return ""


def ask(
    url: str, path: str, key_variable: str, body: Mapping[str, Any] | None = None, *, seconds: float = SECONDS
) -> tuple[int, Any, Mapping[str, str]]:
    """Status, JSON (the text where it is none) and headers of a GET, with `body` of a POST.

    The key of `key_variable` is sent only to a server that asks for one: an address may be typed for another product.
    Raises OSError where no answer comes within so many `seconds` of silence.
    """
    answer = _ask(url, path, "", body, seconds)
    key = os.environ.get(key_variable, "").strip()
    return _ask(url, path, key, body, seconds) if key and answer[0] in (401, 403) else answer


def _ask(
    url: str, path: str, key: str, body: Mapping[str, Any] | None, seconds: float
) -> tuple[int, Any, Mapping[str, str]]:
    import json

    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    trusted = not is_local(url)  # no proxy for this machine
    try:
        with (
            httpx.Client(timeout=seconds, trust_env=trusted, headers=headers) as client,
            client.stream("GET" if body is None else "POST", url.rstrip("/") + path, json=body) as response,
        ):
            said = b""
            for chunk in response.iter_bytes():
                said += chunk
                if len(said) > LARGEST:
                    raise OSError(f"an answer of more than {LARGEST:,} bytes")
            try:
                document = json.loads(said)
            except (ValueError, RecursionError):
                document = said.decode(errors="replace")
            return response.status_code, document, {k.lower(): v for k, v in response.headers.items()}
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error) or type(error).__name__) from error
