"""Many requests to a server at once, never more than a chosen number, for whoever asks in plain calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

TICK = 0.2
"""Seconds after which a waiting caller looks whether anything is still wanted."""


class Loop:
    """The event loop that a server is asked in; it lives as long as the connections do."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`."""
        return _without_a_loop(lambda: self._runner.run(work))

    def pulled(self, source: AsyncIterator[T], moment: float) -> Generator[T | None, None, None]:
        """Yield what comes of `source`, and None after each `moment` (seconds) in which nothing did. What other sources
        have is taken meanwhile, too. Closed early, the source is cancelled. Raises what it raises."""
        found: deque[T] = deque()
        came = asyncio.Event()

        async def read() -> None:
            try:
                async for one in source:
                    found.append(one)
                    came.set()
            finally:
                came.set()

        async def begin() -> asyncio.Task[None]:
            return asyncio.create_task(read())

        async def wait() -> None:
            came.clear()
            if not found and not task.done():
                with suppress(TimeoutError):
                    await asyncio.wait_for(came.wait(), moment)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        task = self.run(begin())
        try:
            while found or not task.done():
                if not found:
                    self.run(wait())
                yield found.popleft() if found else None
            task.result()
        finally:
            self.run(end())

    def close(self) -> None:
        """End the loop."""
        _without_a_loop(self._runner.close)


def _without_a_loop(call: Callable[[], T]) -> T:
    """The result of `call`, in a thread where this one has a loop running already, as a notebook has."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


async def at_once(
    count: int,
    width: int,
    ask: Callable[[int], Awaitable[T]],
    take: Callable[[int, T], None],
    *,
    started: Callable[[list[int]], None],
    check: Callable[[], None],
) -> None:
    """Call `ask` for 0 … count - 1, at most `width` at a time, and `take` with each result as soon as it is there.

    `started` is told the numbers that are being asked whenever one is added, `check` is called while waiting; what any
    of them raises ends everything: requests under way are cut off.
    """
    running: dict[asyncio.Future[T], int] = {}
    following = iter(range(count))
    try:
        while True:
            more = list(islice(following, width - len(running)))
            for number in more:
                running[asyncio.ensure_future(ask(number))] = number
            if more:
                started(sorted(running.values()))
            if not running:
                return
            done, _ = await asyncio.wait(running, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
            check()
            for future in sorted(done, key=running.__getitem__):
                take(running.pop(future), future.result())
    finally:
        for future in running:
            future.cancel()
        await asyncio.gather(*running, return_exceptions=True)
