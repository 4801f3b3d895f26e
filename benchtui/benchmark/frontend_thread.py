"""A frontend for several threads: what they ask of it is done by the one thread that has it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from benchtui.benchmark.frontend import Frontend
from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.supervise.control import Control

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.records import Leaderboard
    from benchtui.compare.summary import Summary

T = TypeVar("T")


class FrontendThread:
    """Does in the thread that calls `serve` what other threads ask for with `call`, and calls what each has open: a
    display that fails is told with `say` and left alone, since the runs are worth more."""

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self._say = say
        self._asked: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._ticks: list[Callable[[], None]] = []
        self._closed = False

    def call(self, do: Callable[[], T]) -> T:
        """Return what `do` returns there, or raise what it raises. Raises BenchtuiError once nobody serves any more."""
        future: Future[T] = Future()
        self._asked.put((do, future))
        if self._closed:
            self._refuse()
        return future.result()

    def serve(self) -> None:
        """Do all that was asked for, and tick."""
        while (asked := self._next()) is not None:
            do, future = asked
            try:
                future.set_result(do())
            except BaseException as error:
                future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
        for tick in tuple(self._ticks):
            try:
                tick()
            except Exception as error:  # noqa: BLE001 - whatever is wrong with a display
                self._ticks.remove(tick)
                self._say(f"Warning: the display failed and was switched off: {error!r}.")

    def close(self) -> None:
        """Serve no more: who asks from now on gets an error."""
        self._closed = True
        self._refuse()

    @contextmanager
    def open(self, opens: Callable[[], AbstractContextManager[Callable[[], None]]]) -> Iterator[None]:
        """Keep what `opens` makes open, and its tick called, both in the serving thread."""
        manager = self.call(opens)
        tick = self.call(manager.__enter__)
        self.call(lambda: self._ticks.append(tick))
        try:
            yield
        finally:
            self.call(lambda: self._stop(tick))
            self.call(lambda: manager.__exit__(None, None, None))

    def _stop(self, tick: Callable[[], None]) -> None:
        if tick in self._ticks:
            self._ticks.remove(tick)

    def _next(self) -> tuple[Callable[[], Any], Future[Any]] | None:
        try:
            return self._asked.get_nowait()
        except queue.Empty:
            return None

    def _refuse(self) -> None:
        while (asked := self._next()) is not None:
            asked[1].set_exception(BenchtuiError("The command has ended."))


class SharedFrontend:
    """`frontend` as another thread uses it; see `benchtui.benchmark.frontend.Frontend`."""

    def __init__(self, frontend: Frontend, front: FrontendThread) -> None:
        self._frontend, self._front = frontend, front

    def say(self, text: str) -> None:
        self._front.call(lambda: self._frontend.say(text))

    def show(self, summary: Summary) -> None:
        self._front.call(lambda: self._frontend.show(summary))

    def show_all(self, board: Leaderboard) -> None:
        self._front.call(lambda: self._frontend.show_all(board))

    def reading_tasks(self, done: int, total: int) -> None:
        self._front.call(lambda: self._frontend.reading_tasks(done, total))

    def may_resume(self, run: RunDirectory) -> bool:
        return self._front.call(lambda: self._frontend.may_resume(run))

    @contextmanager
    def watch(self, runs: Sequence[RunDirectory], control: Control) -> Iterator[Callable[[], None]]:
        with self._front.open(lambda: self._frontend.watch(runs, control)):
            yield lambda: None

    @contextmanager
    def together(self, control: Control) -> Iterator[Frontend]:  # noqa: ARG002 - it is open already
        yield self

    def about(self, model: str) -> SharedFrontend:
        return SharedFrontend(self._frontend.about(model), self._front)
