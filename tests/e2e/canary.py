"""A listener on loopback that nobody should talk to, put where every library would look for the hub or a proxy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Canary:
    """`env` leads whatever asks the hub, directly or through a proxy, to the listener; `heard` is what it said."""

    url: str
    heard: list[bytes] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        return {"HF_ENDPOINT": self.url, **dict.fromkeys(proxies, self.url), "NO_PROXY": "", "no_proxy": ""}


@contextmanager
def listening() -> Iterator[Canary]:
    server = socket.create_server(("127.0.0.1", 0))
    canary = Canary(f"http://127.0.0.1:{server.getsockname()[1]}")

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    canary.heard.append(connection.recv(200))
                except OSError:
                    canary.heard.append(b"")

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield canary
    finally:
        server.close()
