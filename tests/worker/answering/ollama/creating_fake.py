"""A loopback Ollama server that makes models of files it is sent: HEAD and POST of blobs, /api/create, /api/delete."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.worker.answering.ollama.double import Answers
from tests.worker.answering.ollama.fake import _Handler
from tests.worker.answering.ollama.gguf_fake import GgufFake

MADE = "c" * 64
STEPS = ("reading model metadata", "verifying conversion", "writing manifest", "success")


class CreatingFake(GgufFake):
    """Whatever it is asked to make answers as `file` does. `steps` is what it says while it makes it."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, MADE, {"kv-type": "f32"})
        self.RequestHandlerClass = _Creating
        self.digests = {"there:latest": "d" * 64}
        self.blobs: dict[str, int] = {}
        self.created: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.steps: tuple[dict[str, str], ...] = tuple({"status": step} for step in STEPS)


class _Creating(_Handler):
    server: CreatingFake

    def do_HEAD(self) -> None:
        self.asked()
        status = 200 if self.path.rsplit("/", 1)[-1] in self.server.blobs else 404
        self.head(status, [("content-length", "0")])

    def do_POST(self) -> None:
        if self.path.startswith("/api/blobs/"):
            content, digest = Answers.asked(self) or b"", self.path.rsplit("/", 1)[-1]
            right = digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
            if right:
                self.server.blobs[digest] = len(content)
            self.head(201 if right else 400, [("content-length", "0")])
        elif self.path == "/api/create":
            body = json.loads(self.asked() or b"{}")
            self.server.created.append(body)
            self.head(200, [("content-type", "application/x-ndjson"), ("transfer-encoding", "chunked")])
            for step in self.server.steps:
                self.chunk(json.dumps(step).encode() + b"\n")
            if self.server.steps[-1].get("status") == "success":
                self.server.digests[body["model"]] = MADE
            self.end_of_stream()
        else:
            super().do_POST()

    def do_DELETE(self) -> None:
        name = json.loads(self.asked() or b"{}")["model"]
        self.server.deleted.append(name)
        found = self.server.digests.pop(name, None)
        self.json(200 if found else 404, {})
