"""Several threads, and the one that has the display."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from benchtui.benchmark.frontend_thread import FrontendThread
from benchtui.errors import BenchtuiError
from benchtui.supervise.control import Control


def served(front: FrontendThread, *asks: Callable[[], object]) -> list[object]:
    """What threads get that ask at the same time, while this one serves; an exception as itself."""
    with ThreadPoolExecutor(len(asks)) as threads:
        asked = [threads.submit(ask) for ask in asks]
        while not all(one.done() for one in asked):
            front.serve()
    return [one.exception() or one.result() for one in asked]


def test_all_is_done_in_the_serving_thread() -> None:
    front = FrontendThread()
    found = served(front, *[lambda: front.call(threading.get_ident)] * 5)
    assert found == [threading.get_ident()] * 5


def test_an_error_is_that_of_whoever_asked() -> None:
    front = FrontendThread()

    def fail() -> None:
        raise BenchtuiError("It is full.")

    failed, done = served(front, lambda: front.call(fail), lambda: front.call(lambda: 7))
    assert isinstance(failed, BenchtuiError)
    assert done == 7


def test_what_is_open_ticks_and_is_closed_there() -> None:
    front, told = FrontendThread(), list[tuple[str, int]]()

    def tell(what: str) -> None:
        told.append((what, threading.get_ident()))

    @contextmanager
    def watch() -> Iterator[Callable[[], None]]:
        tell("opened")
        yield lambda: tell("tick")
        tell("closed")

    def use() -> None:
        with front.open(watch):
            front.call(lambda: None)

    served(front, use)
    assert {thread for _, thread in told} == {threading.get_ident()}
    assert [what for what, _ in told if what != "tick"] == ["opened", "closed"]
    assert told[-1][0] == "closed"
    assert any(what == "tick" for what, _ in told)
    count = len(told)
    front.serve()
    assert len(told) == count


def test_nobody_waits_for_one_who_has_left() -> None:
    front = FrontendThread()
    with ThreadPoolExecutor(1) as threads:
        before = threads.submit(lambda: front.call(lambda: 1))
        front.close()
        for asked in (before, threads.submit(lambda: front.call(lambda: 2))):
            with pytest.raises(BenchtuiError, match="has ended"):
                asked.result(timeout=5)


def test_a_stop_is_graceful_until_the_last_supervisor_has_ended() -> None:
    control = Control()
    first, second = control.graceful(), control.graceful()
    first.__enter__()
    second.__enter__()
    second.__exit__(None, None, None)
    control._interrupted()
    assert control.stop_requested
    first.__exit__(None, None, None)
    with pytest.raises(KeyboardInterrupt):
        control._interrupted()


def test_a_display_that_fails_ends_nothing() -> None:
    said: list[str] = []
    front = FrontendThread(said.append)

    @contextmanager
    def watch() -> Iterator[Callable[[], None]]:
        def tick() -> None:
            raise OSError("no terminal")

        yield tick

    def use() -> int:
        with front.open(watch):
            return front.call(lambda: 7)

    assert served(front, use, lambda: front.call(lambda: 8)) == [7, 8]
    assert said == ["Warning: the display failed and was switched off: OSError('no terminal')."]
