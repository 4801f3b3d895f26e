"""Streamed answers: put together from any pieces, cut where a stop stands, never half an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.worker.answering.http.failures import PassingError
from benchtui.worker.answering.openai.stream import read_stream

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def piece(text: str | None, *, chat: bool, finish: str | None = None, **more: Any) -> bytes:
    said = {"delta": {"content": text, **more}} if chat else {"text": text or "", **more}
    return event({"choices": [{"index": 0, **said, "finish_reason": finish}]})


def read(stream: bytes, cuts: Sequence[int] = (), *, chat: bool = False, stops: Sequence[str] = ()) -> Any:
    """What is read where the bytes come cut at these places."""
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    chunks = [stream[one:two] for one, two in pairwise(places)]

    async def coming() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return asyncio.run(read_stream(coming(), chat=chat, stops=stops))


@given(st.lists(TEXTS, min_size=1, max_size=6), st.lists(st.integers(0, 10_000), max_size=8), st.booleans())
def test_any_pieces_in_any_chunks_are_the_text(texts: list[str], cuts: list[int], chat: bool) -> None:
    """Also where a chunk ends inside a character, and with line separators inside a text."""
    usage = {"prompt_tokens": 3, "completion_tokens": 7}
    pieces = b"".join(piece(text, chat=chat) for text in texts) + piece("", chat=chat, finish="length")
    stream = b": a comment\n\n" + pieces + event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n"
    document = read(stream, cuts, chat=chat)
    (choice,) = document["choices"]
    assert (choice["message"]["content"] if chat else choice["text"]) == "".join(texts)
    assert (choice["finish_reason"], document["usage"]) == ("length", usage)


@given(TEXTS, TEXTS, st.sampled_from(["\n\n", "Q:", "</s>"]), st.integers(1, 4))
def test_the_stream_is_left_at_the_first_stop(before: str, after: str, stop: str, size: int) -> None:
    whole = before + stop + after
    stream = b"".join(piece(whole[at : at + size], chat=False) for at in range(0, len(whole), size))
    (choice,) = read(stream + b"data: never read", stops=("absent", stop))["choices"]
    assert stop in choice["text"]
    assert whole.startswith(choice["text"])
    assert len(choice["text"]) < whole.index(stop) + len(stop) + size
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", stop)


def test_thoughts_and_calls_of_tools_are_no_text() -> None:
    call = {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}
    stream = b"".join(
        [
            event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}),
            piece(None, chat=True, reasoning_content="hm"),
            piece(None, chat=True, **call),
            piece("yes", chat=True, finish="stop"),
        ]
    )
    (choice,) = read(stream, chat=True)["choices"]
    assert choice["message"] == {"content": "yes", "reasoning_content": "hm"}
    assert choice["finish_reason"] == "stop", "a server may leave [DONE] out"


def test_a_piece_without_text_is_not_the_first_token() -> None:
    """Some servers send the role before they have read the prompt: the time to it is not that to the first token."""
    role = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})
    pieces = [
        role,
        piece(None, chat=True, reasoning="hm"),
        piece("yes", chat=True),
        piece(None, chat=True, finish="stop"),
    ]
    told: list[bool] = []

    async def coming() -> AsyncIterator[bytes]:
        for chunk in pieces:
            yield chunk

    asyncio.run(read_stream(coming(), chat=True, came=told.append))
    assert told == [False, True, True, False]


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (piece("whole", chat=False, finish="stop") + piece("more", chat=False), "after the end of the answer"),
        (piece("half", chat=False), "ended without saying that it is complete"),
        (b"", "ended without saying that it is complete"),
        (b"data: [DONE", "no JSON in the answer"),
        (piece("half", chat=False) + b'data: {"choices": [{"te\n\n', "no JSON in the answer"),
        (b"<html>sign in</html>", "no JSON in the answer"),
    ],
)
def test_half_a_stream_is_no_answer(stream: bytes, words: str) -> None:
    with pytest.raises(PassingError, match=words.replace("[", r"\[")):
        read(stream)


def test_an_error_in_the_stream_is_what_is_returned() -> None:
    error = {"error": {"code": 500, "message": "out of memory"}}
    assert read(piece("half", chat=False) + event(error)) == error


def test_a_whole_answer_is_taken_as_it_is() -> None:
    document = {"choices": [{"index": 0, "text": "yes", "finish_reason": "stop"}]}
    assert read(json.dumps(document, indent=1).encode(), [3, 9]) == document
