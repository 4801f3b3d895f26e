"""A loopback server that answers as a real Ollama did: each request gets the recorded status, headers and lines, and a
stream comes line by line, and ends as it ended."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.worker.answering.ollama.recorded import Exchange

KILLED = "server-killed-mid-stream"
"""The exchange whose stream has no end: the process that wrote it was gone."""


def key(method: str, path: str, body: bytes | None) -> tuple[str, str, str]:
    """What must be equal for a recorded answer to be this request's: JSON is compared as JSON."""
    try:
        said = json.dumps(json.loads(body or b"null"), sort_keys=True)
    except ValueError:
        said = repr(body)
    return method, path, said


class LoopbackServer(ThreadingHTTPServer):
    """A server of one test: `url` where it listens, `requests` what it was asked, in order, as (path, JSON)."""

    daemon_threads = True
    requests: list[tuple[str, Any]]

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no failure of the test."""


@contextmanager
def serving(server: LoopbackServer) -> Iterator[LoopbackServer]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Answers(BaseHTTPRequestHandler):
    """Reads requests and writes answers as Ollama's server does (HTTP/1.1; streams are chunked, a line a chunk)."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def asked(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return b"".join(iter(self._chunk, b""))
        length = self.headers.get("Content-Length")
        return self.rfile.read(int(length)) if length is not None else None

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def json(self, status: int, said: Any) -> None:
        body = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
        kind = "application/json; charset=utf-8"
        self.head(status, [("content-type", kind), ("content-length", str(len(body)))])
        self.wfile.write(body)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def end_of_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def hang_up(self) -> None:
        """End the connection without ending the answer."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()


class Double(LoopbackServer):
    """Replays exchanges. A request that was recorded several times gets the answers in their order, then the last one
    again; one that was not recorded gets 501, which no real answer has."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        super().__init__(_Replay)
        self._recorded: dict[tuple[str, str, str], list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            if exchange.status is not None:
                self._recorded[key(exchange.method, exchange.path, exchange.body)].append(exchange)

    def answer_to(self, method: str, path: str, body: bytes | None) -> Exchange | None:
        found = self._recorded.get(key(method, path, body), [])
        return found.pop(0) if len(found) > 1 else next(iter(found), None)


class Pinned(Double):
    """Answers every request with one exchange, whatever is asked; where nobody listened, it hangs up."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__([])
        self.exchange = exchange

    def answer_to(self, method: str, path: str, body: bytes | None) -> Exchange:
        return self.exchange


class _Replay(Answers):
    server: Double

    def do_GET(self) -> None:
        body = self.asked()
        exchange = self.server.answer_to(self.command, self.path, body)
        if exchange is None:
            self.json(501, {"error": f"not recorded: {self.command} {self.path} {body!r}"})
            return
        if exchange.status is None:
            self.hang_up()
            return
        if self.command == "HEAD" or exchange.headers.get("transfer-encoding") == "chunked":
            self.head(exchange.status, exchange.headers.items())
            if self.command != "HEAD":
                self._stream(exchange)
            return
        whole = _whole(exchange)
        self.head(exchange.status, (exchange.headers | {"content-length": str(len(whole))}).items())
        self.wfile.write(whole)

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _stream(self, exchange: Exchange) -> None:
        end = b"\n" if exchange.streamed else b""
        for line in exchange.lines:
            self.chunk(line.encode() + end)
        if exchange.name == KILLED:
            self.hang_up()
        elif exchange.ended == "complete":
            self.end_of_stream()
        else:  # the client cut it: it went on until nobody read it
            self.rfile.read(1)
            self.close_connection = True


def _whole(exchange: Exchange) -> bytes:
    """The body as it was: recorded lines have lost the newline that `/v1` mostly writes behind its JSON. (A body in
    which the models' folder was renamed is longer than its recorded length.)"""
    body = "\n".join(exchange.lines).encode()
    return body + b"\n" if exchange.headers.get("content-length") == str(len(body) + 1) else body
