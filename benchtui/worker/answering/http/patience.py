"""How often a request is repeated, and how long a server that is busy, starting or gone is waited for."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from benchtui.durations import format_duration
from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.failures import BusyError, LostError, PassingError, UnansweredError

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """`tries` of one request that fails; `first` seconds before the second one, doubled each time and never more than
    `longest`. A server that gives no answer at all for `wait` seconds, being busy or gone, ends the run."""

    tries: int = 3
    first: float = 1.0
    longest: float = 30.0
    wait: float = 600.0

    def pause(self, failed: int) -> float:
        """Seconds before another try after so many; between half and the whole of what is due, so that requests that
        failed together do not come back together."""
        due: float = min(self.first * 2.0 ** (failed - 1), self.longest)
        return due * random.uniform(0.5, 1.0)  # noqa: S311 - nothing secret


class Tries:
    """Asks one server patiently; shared by all requests to it, so that all wait while it is busy or gone.

    `alive` asks whether the server answers at all; `returned` is called after a connection was lost, as soon as the
    server answers, and raises where it is no longer the same. `tell(state, why)` is told "waiting" and "answering".
    """

    def __init__(
        self,
        server: str,
        patience: Patience,
        *,
        alive: Callable[[], Awaitable[bool]],
        returned: Callable[[], Awaitable[None]],
        tell: Callable[[str, str], None],
    ) -> None:
        self._server = server
        self._patience = patience
        self._alive = alive
        self._returned = returned
        self.tell = tell
        self._answered_at = time.monotonic()
        self._open_at = 0.0
        self._waiting = False
        self._gone = asyncio.Lock()

    async def ask(self, once: Callable[[], Awaitable[T]]) -> T:
        """The result of `once`, repeated while what it raises may pass.

        Raises UnansweredError where that did not help, BenchtuiError where the server stays away, and what `once`
        raises besides.
        """
        failed = busy = 0
        began = time.monotonic()
        while True:
            await self._until_open()
            try:
                result = await once()
            except BusyError as error:
                busy += 1
                self._be_patient(began, str(error))
                self._close_for(max(error.after or 0.0, self._patience.pause(busy)), str(error))
                continue
            except (PassingError, LostError) as error:
                failed += not isinstance(error, LostError) or error.asked
                if isinstance(error, LostError) or str(error).startswith("no answer"):
                    await self._until_alive(str(error), lost=isinstance(error, LostError))
                if failed >= self._patience.tries:
                    raise UnansweredError(f"{error} after {failed} tries") from error
                await asyncio.sleep(self._patience.pause(max(failed, 1)))
                continue
            self._answered_at = time.monotonic()
            self._tell_answering()
            return result

    async def _until_open(self) -> None:
        while (left := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(left * random.uniform(1.0, 1.2))  # noqa: S311

    def _close_for(self, seconds: float, why: str) -> None:
        self._open_at = max(self._open_at, time.monotonic() + seconds)
        self._tell_waiting(why)

    async def _until_alive(self, why: str, *, lost: bool) -> None:
        """Wait until the server answers anything; where it was gone, check that it is still the same."""
        async with self._gone:
            began, failed = time.monotonic(), 0
            while not await self._alive():
                failed += 1
                self._tell_waiting(f"it does not answer ({why})")
                self._be_patient(began, why)
                await asyncio.sleep(self._patience.pause(failed))
            if failed or lost:
                await self._returned()

    def _be_patient(self, began: float, why: str) -> None:
        """Raise BenchtuiError where the server has answered nothing for too long, reckoned from `began` at the
        earliest: before that nobody asked it anything."""
        if time.monotonic() - max(self._answered_at, began) < self._patience.wait:
            return
        raise BenchtuiError(
            f"{self._server} gave no answer for {format_duration(self._patience.wait)}: {why}.",
            "Everything answered so far is kept. Start the server again, then `benchtui resume`.",
        )

    def _tell_waiting(self, why: str) -> None:
        self._waiting = True
        self.tell("waiting", why)

    def _tell_answering(self) -> None:
        if self._waiting:
            self._waiting = False
            self.tell("answering", "it answers again")
