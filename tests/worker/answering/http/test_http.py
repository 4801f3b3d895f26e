"""What all backends share that ask a server: lines, one client, patience, many at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http import lines
from benchtui.worker.answering.http.at_once import Loop, at_once
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import LostError, RefusedError, UnansweredError, said
from benchtui.worker.answering.http.lines import LineTooLongError, events_of, lines_of
from benchtui.worker.answering.http.patience import Patience, Tries
from tests.worker.answering.openai.fake import Asked, Fake, Reply

QUICK = Patience(tries=3, first=0.01, longest=0.05, wait=5)
SEPARATORS = "a\u2028b\u2029c\u0085d\x0be\x0cf"


async def gathered(found: AsyncIterator[bytes]) -> list[bytes]:
    return [line async for line in found]


async def chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_only_a_newline_ends_a_line(size: int) -> None:
    text = SEPARATORS.encode()
    assert asyncio.run(gathered(lines_of(chunks(text + b"\r\n\n" + text, size)))) == [text, text]
    events = b": comment\ndata: " + text + b"\ndata:" + text + b"\n\nevent: x\ndata: last"
    assert asyncio.run(gathered(events_of(chunks(events, size)))) == [text + b"\n" + text, b"last"]


def test_a_line_without_an_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 100)
    with pytest.raises(LineTooLongError):
        asyncio.run(gathered(lines_of(chunks(b"x" * 200, 50))))


def test_what_a_server_says_is_one_line_with_the_field_that_it_names() -> None:
    assert said(b'{"error": {"message": "bad\\nworse", "param": "top_k"}}') == "bad (field top_k)"
    assert said({"error": "model 'x' not found"}) == "model 'x' not found"
    assert said(b'{"error": "{\\"error\\":{\\"code\\":400,\\"message\\":\\"too long\\"}}"}') == "too long"
    assert said(b"<html>\x1b[31mno") == "<html>no"
    assert said({"detail": "Not Found"}) == "Not Found"


class Scripted(Fake):
    """Answers the statuses of a list, one a request, then rightly."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies = list(replies)

    def fault(self, asked: Asked) -> Reply | None:
        return self.replies.pop(0) if self.replies and asked.path == "/v1/completions" else None


def ask(fake: Fake, patience: Patience = QUICK, timeout: float = 5.0) -> tuple[Any, list[str]]:
    """One prompt; the answer, and what was told of waiting."""
    told: list[str] = []

    async def work() -> Any:
        client = HttpClient(Address(fake.url), timeout=timeout)

        async def alive() -> bool:
            try:
                await client.get("/v1/models", timeout=1)
            except LostError:
                return False
            return True

        async def returned() -> None:
            told.append("returned")

        tries = Tries(
            "the server", patience, alive=alive, returned=returned, tell=lambda state, why: told.append(state)
        )
        body = {"model": fake.model, "prompt": "The cap", "max_tokens": 4}
        try:
            return await tries.ask(lambda: client.post("/v1/completions", body))
        finally:
            await client.close()

    return asyncio.run(work()), told


def test_what_can_pass_is_asked_again_three_times() -> None:
    with Scripted(Reply(500, {}), Reply(502, "bad gateway")) as fake:
        answer, told = ask(fake)
        assert (answer["choices"][0]["text"], told, len(fake.bodies())) == ("ital", [], 3)
    with (
        Scripted(*[Reply(504, {})] * 3) as fake,
        pytest.raises(UnansweredError, match=r"^HTTP 504 after 3 tries$"),
    ):
        ask(fake)


def test_a_busy_server_is_waited_for_without_using_tries_up() -> None:
    busy = Reply(503, {"error": {"message": "Loading model"}}, {"Retry-After": "0.02"})
    with Scripted(*[busy] * 5, *[Reply(429, {})] * 5, Reply(500, {}), Reply(500, {})) as fake:
        answer, told = ask(fake)
        assert answer["choices"][0]["text"] == "ital"
        assert set(told) == {"waiting", "answering"}
        assert len(fake.bodies()) == 13
    with Scripted(*[busy] * 1000) as fake, pytest.raises(BenchtuiError, match=r"gave no answer for .*Loading model"):
        ask(fake, Patience(first=0.01, longest=0.02, wait=0.2))


def test_retry_after_is_honoured() -> None:
    with Scripted(Reply(429, {}, {"Retry-After": "0.4"})) as fake:
        began = time.monotonic()
        ask(fake)
        assert time.monotonic() - began >= 0.4


def test_a_refusal_is_not_repeated_and_shown_with_the_servers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"error": {"message": "max_tokens must be a number", "param": "max_tokens"}}
    with (
        Scripted(*[Reply(400, error)] * 3) as fake,
        pytest.raises(RefusedError, match=r"HTTP 400\): max_tokens must be a number \(field max_tokens\)"),
    ):
        ask(fake)
    assert len(fake.bodies()) == 1
    with Scripted(Reply(401, {})) as fake, pytest.raises(RefusedError, match="Set the variable OPENAI_API_KEY"):
        ask(fake)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-1234567890")
    wrong = {"error": {"message": "Incorrect API key provided: sk-very-secret-1234567890."}}
    with (
        Scripted(Reply(401, wrong)) as fake,
        pytest.raises(RefusedError, match="Check the key in OPENAI_API_KEY") as error_,
    ):
        ask(fake)
    assert "sk-very" not in str(error_.value)
    assert fake.asked[-1].headers["Authorization"] == "Bearer sk-very-secret-1234567890"


def test_a_server_that_is_gone_is_waited_for_and_checked_when_it_is_back() -> None:
    fake = Fake().start()
    fake.stop()
    again = threading.Timer(0.5, fake.start)
    again.start()
    try:
        answer, told = ask(fake)
    finally:
        again.join()
        fake.stop()
    assert answer["choices"][0]["text"] == "ital"
    assert told[0] == "waiting"
    assert told[-2:] == ["returned", "answering"]
    with pytest.raises(BenchtuiError, match="gave no answer for") as error:
        ask(fake, Patience(first=0.01, longest=0.02, wait=0.2))
    assert "benchtui resume" in error.value.next_step


class Hanging(Fake):
    def fault(self, asked: Asked) -> Reply | None:
        if asked.path == "/v1/completions":
            time.sleep(0.5)
        return None


def test_a_hanging_request_is_given_up_after_three_tries() -> None:
    with Hanging() as fake, pytest.raises(UnansweredError, match=r"no answer within 0.1 s after 3 tries"):
        ask(fake, timeout=0.1)


def test_never_more_than_the_chosen_number_at_once_and_each_as_it_comes() -> None:
    running, most, order, flights = 0, 0, list[int](), list[list[int]]()

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2 if number == 0 else 0.01)
        running -= 1
        return number * 10

    def take(number: int, result: int) -> None:
        assert result == number * 10
        order.append(number)

    loop = Loop()
    loop.run(at_once(9, 3, work, take, started=flights.append, check=lambda: None))
    assert (most, sorted(order)) == (3, list(range(9)))
    assert order[-1] == 0, "a slow one holds up none"
    assert flights[0] == [0, 1, 2]
    loop.close()


def test_what_is_raised_while_waiting_cuts_everything_off() -> None:
    ended: list[int] = []

    async def work(number: int) -> int:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(number)
        return number

    def check() -> None:
        raise KeyError("stop")

    loop = Loop()
    with pytest.raises(KeyError):
        loop.run(at_once(9, 3, work, lambda number, result: None, started=lambda numbers: None, check=check))
    assert sorted(ended) == [0, 1, 2]
    loop.close()


async def test_it_can_be_used_where_a_loop_runs_already() -> None:
    async def work() -> int:
        return 3

    loop = Loop()
    assert loop.run(work()) == 3
    loop.close()
