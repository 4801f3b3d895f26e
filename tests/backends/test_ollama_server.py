"""What is read of an Ollama server: recorded lists, and servers that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.backends.ollama_server import full_name, look_at_ollama, ollama_url, parse_ollama_host, show
from benchtui.errors import BenchtuiError, UsageError
from tests.worker.answering.ollama.double import Answers, Double, LoopbackServer, serving
from tests.worker.answering.ollama.recorded import NEW, OLD, exchange_named


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - read, never bound
        ("example.com", "http://example.com:11434"),
        ("example.com:80/", "http://example.com:80"),
        (":8080", "http://127.0.0.1:8080"),
        ("https://example.com", "https://example.com:443"),
        ("http://10.0.0.1", "http://10.0.0.1:80"),
        ("[::1]:7", "http://[::1]:7"),
        ("a b", "None"),
        ("host:99999", "None"),
        ("ftp://host", "None"),
    ],
)
def test_ollama_host_in_all_its_forms(text: str, address: str) -> None:
    assert str(parse_ollama_host(text)) == address


def test_the_server_that_is_asked() -> None:
    assert ollama_url(None, {}) == "http://127.0.0.1:11434"
    assert ollama_url(None, {"OLLAMA_HOST": "box:80"}) == "http://box:80"
    assert ollama_url("http://gpu:11434/v1", {"OLLAMA_HOST": "box"}) == "http://gpu:11434"
    with pytest.raises(UsageError, match="OLLAMA_HOST is 'a b', which is no address"):
        ollama_url(None, {"OLLAMA_HOST": "a b"})


@pytest.mark.recordings
@pytest.mark.parametrize(("file", "digest"), [(NEW, "fd5f44c0b5af"), (OLD, "64fdd546f182")])
def test_the_models_of_a_recorded_server(recordings: Path, file: str, digest: str) -> None:
    with serving(Double([exchange_named(file, name) for name in ("root", "version", "tags", "show-smollm2-go")])) as it:
        found = look_at_ollama(it.url)
        shown = show(it.url, "smollm2-go")
    assert {model.name for model in found.models} == {"smollm2:latest", "smollm2-go:latest", "stories:latest"}
    assert found.models[0].name == "stories:latest", "the newest first"
    model = found.model("smollm2")
    assert model.digest.startswith(digest)
    assert (model.quantization, model.parameters, model.family, model.window) == ("Q4_1", "134.52M", "llama", 8192)
    assert model.bytes > 98_000_000
    assert model.remote == ""
    assert found.model("stories").quantization == "", "what the server calls unknown"
    with pytest.raises(UsageError, match="no model 'smolm2'") as missing:
        found.model("smolm2")
    assert "It has smollm2:latest" in missing.value.next_step
    assert "ollama pull" in missing.value.next_step
    assert shown.stops == ["<|im_end|>"]
    assert shown.parameters["repeat_penalty"] == [1.3]
    assert (shown.window, shown.weights) == (8192, 134_515_008)


class Other(LoopbackServer):
    """Answers what it is told to: text or JSON by path."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(_Said)
        self.said = said


class _Said(Answers):
    server: Other

    def do_GET(self) -> None:
        self.asked()
        said = self.server.said.get(self.path)
        if said is None:
            self.json(404, {"error": "not found"})
        elif isinstance(said, str):
            self.head(200, [("content-type", "text/plain"), ("content-length", str(len(said)))])
            self.wfile.write(said.encode())
        else:
            self.json(200, said)

    def do_POST(self) -> None:
        self.do_GET()


OLLAMA = {"/": "Ollama is running", "/api/version": {"version": "0.30.1"}}


def test_a_model_that_runs_elsewhere_is_known() -> None:
    cards = [
        {"name": "big:cloud", "remote_host": "https://ollama.com:443", "remote_model": "big", "digest": "0" * 64},
        {"name": "small:latest", "digest": "1" * 64, "size": 5, "details": None},
    ]
    with serving(Other({**OLLAMA, "/api/tags": {"models": cards}})) as server:
        found = look_at_ollama(server.url)
    assert found.version == "0.30.1"
    assert [model.remote for model in found.models] == ["https://ollama.com:443", ""]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"/": "Hello", "/api/version": {"version": "1"}, "/api/tags": {"models": []}}, "is no Ollama server"),
        ({"/": "Ollama is running"}, "HTTP 404 at /api/version"),
        ({**OLLAMA, "/api/version": ["1"]}, "is no Ollama server"),
    ],
)
def test_what_only_looks_like_ollama(said: dict[str, Any], words: str) -> None:
    with serving(Other(said)) as server, pytest.raises(BenchtuiError, match=words):
        look_at_ollama(server.url)


def test_lists_of_any_shape_are_read() -> None:
    broken = [{}, "x", {"name": 5}, {"name": "a\nb", "size": "x", "modified_at": "now", "digest": 3, "details": [1]}]
    with serving(Other({**OLLAMA, "/api/tags": {"models": broken}})) as server:
        (model,) = look_at_ollama(server.url).models
    assert (model.name, model.digest, model.bytes, model.modified) == ("a", "", 0, 0.0)
    for nothing in ({"models": None}, {}, []):
        with serving(Other({**OLLAMA, "/api/tags": nothing})) as server:
            assert look_at_ollama(server.url).models == ()


def test_a_server_that_does_not_run_says_how_to_start_it() -> None:
    with serving(Other({})) as server:
        url = server.url
    with pytest.raises(BenchtuiError, match="Ollama does not answer at") as error:
        look_at_ollama(url)
    assert "ollama serve" in error.value.next_step


def test_names_without_a_tag_are_the_latest() -> None:
    assert full_name("a") == "a:latest"
    assert full_name("hf.co/u/r:Q4_K_M") == "hf.co/u/r:Q4_K_M"
    assert full_name("host:5000/u/m") == "host:5000/u/m:latest"
    assert json.dumps(full_name("a:1b")) == '"a:1b"'
