"""Run in a thread what may take a while, or fail, and bring its result or its error message back to the screen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TypeVar

from textual.dom import NoScreen
from textual.widget import Widget
from textual.worker import NoActiveWorker, get_current_worker

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

T = TypeVar("T")
Failed = Callable[[str, str], None]
"""Called with what happened, and what to do next."""


def in_background(
    widget: Widget, job: Callable[[], T], done: Callable[[T], None], failed: Failed, *, group: str
) -> None:  # fmt: skip
    """Run `job` in a thread, then `done` with its result in the application; a newer job of the group takes its place.

    Every exception of `job` becomes words: neither a broken file nor a bug of ours closes the screen.
    """

    def once() -> Generator[T, None, None]:
        yield job()

    each_in_background(widget, once, done, failed, group=group)


def each_in_background(
    widget: Widget,
    job: Callable[[], Generator[T, None, None]],
    each: Callable[[T], None],
    failed: Failed,
    *,
    group: str,
) -> None:
    """Run `job` in a thread, and `each` with everything that it yields in the application; `job` is closed where a
    newer one of the group takes its place, or the screen was closed."""

    def work() -> None:
        try:
            with contextlib.closing(job()) as results:
                for result in results:
                    _back(widget, each, result)
                    if get_current_worker().is_cancelled:
                        return
        except BenchtuiError as error:
            _back(widget, failed, error.what, error.next_step)
        except Exception as error:  # noqa: BLE001 - shown to the user with its kind; nothing is swallowed
            words = f"{type(error).__name__}: {one_line(str(error), 300)}"
            _back(widget, failed, f"This did not work: {words}", "Please report this as a bug.")

    widget.run_worker(work, thread=True, group=group, exclusive=True, exit_on_error=False)


def _back(widget: Widget, then: Callable[..., None], *values: object) -> None:
    """Call `then` in the application, unless the screen was closed or a newer job replaced this one."""
    with contextlib.suppress(NoActiveWorker):
        if get_current_worker().is_cancelled:
            return
    with contextlib.suppress(NoScreen, RuntimeError):  # the application is closing
        if widget.is_attached:
            widget.app.call_from_thread(then, *values)
