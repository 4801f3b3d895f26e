"""One server, asked patiently and about many things at once, whatever it speaks."""

from __future__ import annotations

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any, TypeVar

from benchtui.text import one_line
from benchtui.worker.answering.http.at_once import Loop, at_once
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import BusyError, LostError, PassingError, UnansweredError
from benchtui.worker.answering.http.patience import Patience, Tries
from benchtui.worker.answering.protocol import GenerateRequest, Observer, ScoreRequest, Unobserved

MOMENT = 0.02
"""Seconds after which whoever takes an answer while it is written is told that nothing came."""
_BUSY_SECONDS = 60.0
"""How long a server that is busy, or loads its model, is asked again for one answer."""
_SAME_SECONDS = 60.0
"""How long it is taken for granted that it has the same model."""

T = TypeVar("T")
R = TypeVar("R")


class PatientServer(ABC):
    """A server with the model that a plan names. `width` is how many requests are under way at a time.

    Its coroutines are run by `run`, or by `ask_all` for many requests. `alive` is a route that it answers at once.
    """

    def __init__(
        self,
        address: Address,
        *,
        alive: str,
        width: int,
        timeout: float,
        refused: Callable[[int, Any], Exception | None],
        patience: Patience | None = None,
    ) -> None:
        self.address = address
        self.width = width
        self.timeout = timeout
        self.observer: Observer = Unobserved()
        self._alive_route = alive
        self._loop = Loop()
        self._patience = patience or Patience()
        self._same_at = time.monotonic()
        self._client = HttpClient(address, timeout=timeout, refused=refused)
        self._tries = Tries(address.name, self._patience, alive=self._alive, returned=self._returned, tell=self._tell)

    async def patiently(self, once: Callable[[HttpClient], Awaitable[T]]) -> T:
        """The result of `once`, which makes one try, asked again while that may help.

        Raises UnansweredError where this request has no answer, BenchtuiError where none will have one.
        """
        return await self._tries.ask(lambda: once(self._client))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine, for whoever asks in plain calls."""
        return self._loop.run(work)

    def ask_all(
        self,
        asked: Sequence[R],
        ask: Callable[[R], Awaitable[T]],
        take: Callable[[int, T], None],
        requests_of: Callable[[R], Sequence[ScoreRequest | GenerateRequest]],
        observer: Observer,
    ) -> None:
        """Call `ask` for each of `asked`, at most `width` at a time, and `take` with its place and result as it comes.

        What stays without an answer is told to the observer, by the arguments of `requests_of` it. Raises what
        `patiently` raises besides, and what the observer raises.
        """
        self.observer = observer

        async def tried(place: int) -> T | UnansweredError:
            try:
                return await ask(asked[place])
            except UnansweredError as error:
                return error

        def took(place: int, result: T | UnansweredError) -> None:
            if isinstance(result, UnansweredError):
                for request in requests_of(asked[place]):
                    observer.unanswered(request.args, one_line(str(result), 200))
            else:
                take(place, result)
            observer.tokens(0)  # an answer has come: keep it

        def started(places: list[int]) -> None:
            observer.batch_started([request.args for place in places for request in requests_of(asked[place])])

        try:
            self._loop.run(at_once(len(asked), self.width, tried, took, started=started, check=observer.check))
        finally:
            self.observer = Unobserved()

    def pulled(self, once: Callable[[HttpClient], AsyncIterator[T]]) -> Generator[T | None, None, None]:
        """Yield what comes of `once`, which makes one try, and None while nothing does. Asked again, for a while, where
        the server is only busy. Closed early, the connection is cut.

        Raises what one try raises, and ModelChangedError where the server has another model now.
        """
        return self._loop.pulled(self._asked(once), MOMENT)

    async def _asked(self, once: Callable[[HttpClient], AsyncIterator[T]]) -> AsyncIterator[T]:
        if time.monotonic() - self._same_at > _SAME_SECONDS:
            await asyncio.to_thread(self.check_same)
            self._same_at = time.monotonic()
        began, failed = time.monotonic(), 0
        while True:
            try:
                async for one in once(self._client):
                    yield one
            except BusyError as error:  # told instead of an answer
                failed += 1
                if time.monotonic() - began > _BUSY_SECONDS:
                    raise
                await asyncio.sleep(min(max(error.after or 0.0, self._patience.pause(failed)), _BUSY_SECONDS))
            except LostError:
                self._same_at = -math.inf  # another may be there when it answers again
                raise
            else:
                return

    @abstractmethod
    def check_same(self) -> None:
        """Raise ModelChangedError where the server no longer has the model that it had."""

    def close(self) -> None:
        """Close all connections."""
        try:
            self._loop.run(self._client.close())
        finally:
            self._loop.close()

    async def _alive(self) -> bool:
        try:
            await self._client.get(self._alive_route, timeout=2.0)
        except (LostError, PassingError, BusyError):
            return False
        return True

    async def _returned(self) -> None:
        self.check_same()

    def _tell(self, state: str, why: str) -> None:
        self.observer.decision("server", state, why)
