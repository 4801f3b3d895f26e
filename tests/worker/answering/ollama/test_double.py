"""The double answers exactly as the recorded servers did: every exchange of both versions, and the faults."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from tests.worker.answering.ollama.double import Double, serving
from tests.worker.answering.ollama.recorded import Exchange, every_exchange

pytestmark = pytest.mark.recordings


def ask(url: str, exchange: Exchange) -> tuple[int, dict[str, str], list[str]]:
    """Status, headers and body's lines, read as the recordings were: cut where they were cut."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(exchange.method, exchange.path, exchange.body)
        response = connection.getresponse()
        lines = []
        for line in iter(response.readline, b""):
            lines.append(line.decode().removesuffix("\n"))
            if exchange.ended == "cut by the client" and len(lines) == len(exchange.lines):
                break
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, lines
    finally:
        connection.close()


@pytest.mark.parametrize("exchange", every_exchange() or [None], ids=lambda exchange: exchange and exchange.id)
def test_every_exchange_is_replayed(exchange: Exchange | None, recordings: None) -> None:
    assert exchange is not None
    if exchange.status is None:
        assert "ConnectionRefused" in exchange.ended, "nobody listened: there is nothing to replay"
        return
    with serving(Double([exchange])) as server:
        status, headers, lines = ask(server.url, exchange)
    assert status == exchange.status
    assert lines == list(exchange.lines)
    renamed = "/home/user" in "".join(exchange.lines)
    if renamed:
        headers["content-length"] = exchange.headers.get("content-length", "")
    assert headers == ({"content-length": ""} if renamed else {}) | exchange.headers
