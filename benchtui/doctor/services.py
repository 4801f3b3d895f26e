"""Checks whether Ollama, which serves GGUF models, is running."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator

from benchtui.backends.ollama_server import OllamaAddress, parse_ollama_host
from benchtui.doctor.check import Check
from benchtui.text import one_line

_ANSWER_SECONDS = 1.0


def check_ollama() -> Iterator[Check]:
    host = os.environ.get("OLLAMA_HOST", "")
    address = parse_ollama_host(host)
    if address is None:
        message = f"OLLAMA_HOST is {one_line(host, 60)!r}, which is no address"
        yield Check("Ollama", "warning", message, "Set it like localhost:11434.")
        return
    version = _version(address)
    if version is None:
        message = f"not running at {address}; only models served by Ollama need it"
        yield Check("Ollama", "warning", message, "ollama serve (in another terminal)")
    else:
        yield Check("Ollama", "ok", f"{version} at {address}")


def _version(address: OllamaAddress) -> str | None:
    connect = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    connection = connect(address.host.strip("[]"), address.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/api/version")
        answer = json.loads(connection.getresponse().read(4096))
        return one_line(str(answer["version"]), 40)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None  # nobody there, or somebody else
    finally:
        connection.close()
