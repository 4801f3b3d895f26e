"""What can go wrong with one request to a server, told apart by what helps: nothing, another try, or waiting."""

from __future__ import annotations

import json
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

SHOWN = 300
"""Characters that are shown of what a server says."""


class RefusedError(BenchtuiError):
    """The server refuses what it is asked: asking again changes nothing, and so does asking anything else like it."""


class UnansweredError(Exception):
    """This one request has no answer, and asking again did not help or would not; others may have one."""


class PassingError(Exception):
    """The server failed at this request (5xx, silence): another try may succeed."""


class BusyError(Exception):
    """The server has no room now (429), or is not ready yet (503); `after` seconds were named by it, None where not."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class LostError(Exception):
    """No connection, or it broke: the server may be gone. `asked` says whether the request had reached it."""

    def __init__(self, why: str, *, asked: bool) -> None:
        super().__init__(why)
        self.asked = asked


def said(body: bytes | Any) -> str:
    """What a server says of an error, in one line: `error.message` with the field that it names, or whatever is there.

    `body` is the answer's bytes, or the JSON of it. Ollama's JSON inside a string is opened.
    """
    document = _opened(body)
    if isinstance(document, dict):
        inner = _opened(document.get("error", document.get("detail", document.get("message", document))))
        if isinstance(inner, dict) and isinstance(inner.get("error"), dict):
            inner = inner["error"]
        if isinstance(inner, dict):
            text, field = inner.get("message"), inner.get("param")
            named = f" (field {one_line(str(field), 60)})" if field else ""
            return one_line(str(text if text else inner), SHOWN) + named
        return one_line(str(inner), SHOWN)
    return one_line(document if isinstance(document, str) else str(document), SHOWN)


def _opened(body: Any) -> Any:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
