"""The recordings of two real Ollama servers that lie beside the checkout, as exchanges."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.conftest import RECORDINGS

NEW, OLD = "ollama-0.33.0-rc2", "ollama-0.25"
FILES = (NEW, f"{NEW}-faults", f"{NEW}-create", OLD, f"{OLD}-faults")
_SENT_FOR_A_FILE = 1000
"""Bytes sent in place of an uploaded file: what the real server got is not recorded, and no answer shows it."""


@dataclass(frozen=True)
class Exchange:
    """One request and what the server answered: `status` None where nobody listened, `lines` the body's lines without
    their newlines, `ended` "complete", "cut by the client", or the error that http.client raised."""

    id: str
    name: str
    method: str
    path: str
    body: bytes | None
    status: int | None
    headers: dict[str, str]
    lines: tuple[str, ...]
    ended: str

    @property
    def asked(self) -> Any:
        """The request's body as JSON, None where it is none."""
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            return None

    @property
    def answer(self) -> Any:
        """The first line of the answer as JSON."""
        return json.loads(self.lines[0])

    @property
    def streamed(self) -> bool:
        return self.headers.get("content-type", "").startswith(("application/x-ndjson", "text/event-stream"))


def _body(request: dict[str, Any]) -> bytes | None:
    if request.get("raw_body") is not None:
        return str(request["raw_body"]).encode()
    if request.get("body_bytes") is not None:
        return bytes(min(int(request["body_bytes"]), _SENT_FOR_A_FILE))
    return None if request.get("body") is None else json.dumps(request["body"]).encode()


@cache
def exchanges(file: str) -> tuple[Exchange, ...]:
    """All exchanges of one file, in order; none where the recordings are not here. `id` tells file and place."""
    path = RECORDINGS / f"{file}.jsonl"
    if not path.is_file():
        return ()
    found = []
    for place, line in enumerate(path.read_bytes().split(b"\n")):
        if not line:
            continue
        said = json.loads(line)
        request, response = said["request"], said["response"]
        found.append(
            Exchange(
                f"{file.removeprefix('ollama-')}/{place:03}-{said['name']}",
                said["name"],
                request["method"],
                request["path"],
                _body(request),
                response["status"],
                response["headers"],
                tuple(text for _, text in response["lines"]),
                said["ended"],
            )
        )
    return tuple(found)


def every_exchange() -> list[Exchange]:
    return [exchange for file in FILES for exchange in exchanges(file)]


def exchange_named(file: str, name: str) -> Exchange:
    return next(exchange for exchange in exchanges(file) if exchange.name == name)
