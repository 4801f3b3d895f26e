"""Checks whether Ollama, which serves GGUF models, is running."""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchtui.doctor.check import Check
from benchtui.text import one_line

_ANSWER_SECONDS = 1.0
_DEFAULT_PORT = 11434
_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]*)(?::(?P<port>\d{1,5}))?/?", re.ASCII
)


@dataclass(frozen=True)
class _Address:
    host: str
    port: int
    secure: bool

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"


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


def parse_ollama_host(text: str) -> _Address | None:
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
    return _Address({"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host), port, secure)  # noqa: S104


def _version(address: _Address) -> str | None:
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
