"""A hub on loopback with a few small repositories, answering as huggingface.co answers for the requests made here."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

COMMIT = "a" * 40


@dataclass
class TinyHub:
    """`repositories`: hub id -> file name -> content. Ids in `gated` give their listing but no files. `sizes` says
    whether a listing carries sizes. `requests` are the paths asked for so far."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    parameters: dict[str, dict[str, int]] = field(default_factory=dict)
    sizes: bool = True
    status: int | None = None
    requests: list[str] = field(default_factory=list)


@contextmanager
def serve_tiny_hub() -> Iterator[TinyHub]:
    hub = TinyHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def answer(self, *, with_body: bool) -> None:
            path = urlparse(self.path).path
            hub.requests.append(path)
            status, headers, body = respond(hub, path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(hub: TinyHub, path: str) -> tuple[int, dict[str, str], bytes]:
    if hub.status is not None:
        return hub.status, {}, b"{}"
    if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
        return _listing(hub, found[1], found[2])
    if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
        return _file(hub, found[1], found[3])
    return _error(404, "NotFound")


def _listing(hub: TinyHub, repository: str, revision: str | None) -> tuple[int, dict[str, str], bytes]:
    files = hub.repositories.get(repository)
    if files is None:
        return _error(401, "RepoNotFound")  # the hub does not tell strangers what is private and what is not there
    if revision not in (None, "main", COMMIT):
        return _error(404, "RevisionNotFound")
    siblings = [
        {"rfilename": name} | ({"size": len(content), "blobId": "b"} if hub.sizes else {})
        for name, content in files.items()
    ]
    answer: dict[str, object] = {"id": repository, "sha": COMMIT, "private": False, "siblings": siblings, "tags": []}
    if counts := hub.parameters.get(repository):
        answer["safetensors"] = {"parameters": counts, "total": sum(counts.values())}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _file(hub: TinyHub, repository: str, name: str) -> tuple[int, dict[str, str], bytes]:
    if repository not in hub.repositories:
        return _error(401, "RepoNotFound")
    if repository in hub.gated:
        return _error(403, "GatedRepo")
    content = hub.repositories[repository].get(name)
    if content is None:
        return _error(404, "EntryNotFound")
    etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, content


def _error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"X-Error-Code": code, "X-Error-Message": code}, b"{}"
