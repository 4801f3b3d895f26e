"""A streamed answer of /v1/completions or /v1/chat/completions, put together to what one in one piece would be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchtui.text import one_line
from benchtui.worker.answering.http.failures import PassingError
from benchtui.worker.answering.http.lines import events_of

_DONE = b"[DONE]"
_THOUGHTS = ("reasoning_content", "reasoning")


@dataclass
class _Choice:
    """What came of one choice so far."""

    text: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    tail: str = ""
    finish: str | None = None
    stop: object = None


async def read_stream(
    chunks: AsyncIterator[bytes],
    *,
    chat: bool,
    stops: Sequence[str] = (),
    came: Callable[[bool], None] = lambda _: None,
) -> Any:
    """Read server-sent events to the end of the answer, or to the first of `stops`.

    `came` is called with each piece and told whether it has text: some servers send an empty one before they have read
    the prompt. Where the server does not stream, it is not called.

    Returns the answer as one document, or the error that came instead. Raises PassingError where the stream ends early,
    and for what is no JSON.
    """
    choices: dict[int, _Choice] = {}
    usage: Any = None
    streams, chunks = await _looked_at(chunks)
    if not streams:
        return _object(b"".join([chunk async for chunk in chunks]))
    async for document in documents_of(chunks):
        if document.get("error"):
            return document
        usage = document.get("usage") or usage
        for choice in document.get("choices") or ():
            if isinstance(choice, Mapping):
                grown = choices.setdefault(_index(choice), _Choice())
                came(_add(grown, choice, chat=chat))
                if stop := _stopped(grown, stops):
                    grown.finish, grown.stop = "stop", stop
                    return _document(choices, usage, chat=chat)
    if not choices or any(choice.finish is None for choice in choices.values()):
        raise PassingError("the answer ended without saying that it is complete")
    return _document(choices, usage, chat=chat)


async def documents_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield what a stream says, one document an event, up to its end; an answer in one piece is one document. Raises
    PassingError for what is no JSON."""
    streams, chunks = await _looked_at(chunks)
    if not streams:
        yield _object(b"".join([chunk async for chunk in chunks]))
        return
    async for event in events_of(chunks):
        if event.strip() == _DONE:
            return
        yield _object(event)


async def _looked_at(chunks: AsyncIterator[bytes]) -> tuple[bool, AsyncIterator[bytes]]:
    """Whether these are server-sent events, by their first byte, and all of the chunks: a whole answer is JSON."""
    held: list[bytes] = []
    async for chunk in chunks:
        held.append(chunk)
        if b"".join(held).strip():
            break
    start = b"".join(held).lstrip()

    async def again() -> AsyncIterator[bytes]:
        for chunk in held:
            yield chunk
        async for chunk in chunks:
            yield chunk

    return not start.startswith((b"{", b"[", b"<")), again()


def _object(said: bytes) -> dict[str, Any]:
    try:
        document = json.loads(said)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise PassingError(f"no JSON in the answer: {one_line(said.decode(errors='replace'), 80)}")
    return document


def _index(choice: Mapping[str, Any]) -> int:
    index = choice.get("index", 0)
    return index if isinstance(index, int) else 0


def _add(grown: _Choice, choice: Mapping[str, Any], *, chat: bool) -> bool:
    """Take in a piece; return whether it has any text or thought."""
    said = choice.get("delta") if chat else choice
    thoughts, text = list[str](), None
    if isinstance(said, Mapping):
        text = said.get("content" if chat else "text")
        if text and grown.finish is not None:
            raise PassingError("a piece of text came after the end of the answer")
        if isinstance(text, str):
            grown.text.append(text)
        thoughts = [said[name] for name in _THOUGHTS if chat and isinstance(said.get(name), str)]
        grown.thoughts += thoughts
    if isinstance(choice.get("finish_reason"), str):
        grown.finish = choice["finish_reason"]
    if choice.get("stop_reason") is not None:
        grown.stop = choice["stop_reason"]
    return bool(text) or any(thoughts)


def _stopped(grown: _Choice, stops: Sequence[str]) -> str:
    """The first of `stops` that stands in the text, "" for none. Only the end of the text is looked at, as far back as
    a stop may reach that the last piece has completed."""
    if not stops or not grown.text:
        return ""
    grown.tail += grown.text[-1]
    found = next((stop for stop in stops if stop and stop in grown.tail), "")
    grown.tail = grown.tail[-max(map(len, stops)) :]
    return found


def _document(choices: Mapping[int, _Choice], usage: Any, *, chat: bool) -> dict[str, Any]:
    found = []
    for index, grown in sorted(choices.items()):
        text = "".join(grown.text)
        said: dict[str, Any] = {"message": {"content": text}} if chat else {"text": text}
        if chat and grown.thoughts:
            said["message"]["reasoning_content"] = "".join(grown.thoughts)
        found.append({"index": index, **said, "finish_reason": grown.finish, "stop_reason": grown.stop})
    return {"choices": found, "usage": usage}
