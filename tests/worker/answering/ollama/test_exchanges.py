"""Every recorded exchange passes through the client of production; what comes of each stands in `outcomes.txt`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import LostError, PassingError, RefusedError, UnansweredError
from benchtui.worker.answering.http.lines import events_of
from benchtui.worker.answering.ollama.answers import documents_of, refusal
from benchtui.worker.answering.ollama.server import ask_once
from tests.worker.answering.ollama.double import Pinned, serving
from tests.worker.answering.ollama.recorded import Exchange, every_exchange

pytestmark = pytest.mark.recordings

OUTCOMES = Path(__file__).parent / "outcomes.txt"
ANSWERS = ("/api/generate", "/api/chat")


class CutError(Exception):
    """The client has read enough."""


@cache
def outcomes() -> dict[str, str]:
    lines = (line.partition(" | ") for line in OUTCOMES.read_text().split("\n") if line)
    return {name: outcome for name, _, outcome in lines}


class Asking:
    """One server and one client for all exchanges: making a client takes longer than asking."""

    def __init__(self) -> None:
        self.server = Pinned(every_exchange()[0])
        self.model = ""
        self.client = HttpClient(
            Address(self.server.url), timeout=20, refused=lambda status, body: refusal("here", self.model)(status, body)
        )
        self.runner = asyncio.Runner()

    def outcome(self, exchange: Exchange) -> str:
        body = exchange.asked if isinstance(exchange.asked, dict) else {}
        self.model = str(body.get("model", "smollm2"))
        self.server.exchange = exchange
        return self.runner.run(outcome_of(self.client, self.server.url, exchange, body))


@pytest.fixture(scope="module")
def asking(recordings: None) -> Iterator[Asking]:
    made = Asking()
    with serving(made.server):
        yield made
        made.runner.run(made.client.close())
        made.runner.close()


async def outcome_of(client: HttpClient, url: str, exchange: Exchange, body: dict[str, Any]) -> str:
    try:
        if exchange.path in ANSWERS and not body.get("_debug_render_only"):
            return await answer(client, exchange, body)
        if exchange.streamed:
            async with client.stream(exchange.path, body) as chunks:
                if exchange.path.startswith("/v1"):
                    return f"{len([event async for event in events_of(chunks)])} events"
                return f"done: {[document async for document in documents_of(chunks)][-1].get('status')}"
        is_json = exchange.method == "POST" and exchange.lines
        return told(await (client.post(exchange.path, body) if is_json else client.get(exchange.path)))
    except (RefusedError, UnansweredError, PassingError, LostError) as error:
        words = error.what if isinstance(error, BenchtuiError) else str(error)
        return f"{type(error).__name__}: {words.replace(url, 'SERVER')}"


async def answer(client: HttpClient, exchange: Exchange, body: dict[str, Any]) -> str:
    pieces = 0

    def progress(n: int) -> None:
        nonlocal pieces
        pieces += n
        if exchange.ended == "cut by the client" and pieces == len(exchange.lines):
            raise CutError

    try:
        found = await ask_once(client, body, progress)
    except CutError:
        return f"cut by us after {pieces} pieces"
    assert len(found.text.encode()) <= sum(len(line.encode()) for line in exchange.lines)
    scored = f", log-probabilities of {len(found.logprobs)}" if found.logprobs else ""
    return f"answer: {found.reason}, {found.tokens} tokens after {found.prompt_tokens}{scored}: {found.text[-40:]!r}"


def told(said: Any) -> str:
    if isinstance(said, str):
        return f"text: {said}"
    if not isinstance(said, dict):
        return f"json: {said}"
    if "_debug_info" in said:
        return f"rendered: {said['_debug_info']['rendered_template'][:20]!r}"
    names = ", ".join(sorted(said))
    return f"json: {names}"


@pytest.mark.parametrize("exchange", every_exchange() or [None], ids=lambda exchange: exchange and exchange.id)
def test_outcome(exchange: Exchange | None, asking: Asking) -> None:
    assert exchange is not None
    assert asking.outcome(exchange) == outcomes().get(exchange.id)


def test_the_table_has_every_exchange_and_no_other(recordings: None) -> None:
    assert list(outcomes()) == [exchange.id for exchange in every_exchange()]
