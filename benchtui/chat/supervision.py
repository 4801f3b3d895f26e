"""The worker of a chat, supervised in a thread of the process that the person talks in: when that ends, so does the
worker."""

from __future__ import annotations

import threading

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.lock import FolderLock
from benchtui.runs.records import DoneRecord
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from benchtui.text import one_line

CLOSING = 1.5
"""Seconds that a worker has to end by itself when a chat is closed; it is asked to stop then."""
STOPPING = 3.0
"""Seconds that it has after that, before it is killed."""


def chat_settings(timeout: float | None) -> SuperviseSettings:
    """Return how patient the supervisor of a chat is: a worker that dies is started again."""
    return SuperviseSettings(timeout, grace=STOPPING, replaces=True)


def open_lock(run: RunDirectory, model: str) -> FolderLock:
    """Take the lock of a chat that lies with `model`, that nobody else writes into it. Raises BenchtuiError naming who
    holds it."""
    return FolderLock(run.lock, f"The chat {run.path.name} of {one_line(model, 80)}", "open")


class Supervision:
    """Evaluates a chat until it ends, from `begin` on; then its done record is written and `lock` given back.

    `ended` says whether that is so, `done` how it ended, `problem` why it could not even be supervised.
    """

    def __init__(self, run: RunDirectory, lock: FolderLock, settings: SuperviseSettings) -> None:
        self._run = run
        self._lock = lock
        self._settings = settings
        self._control = Control()
        self._thread = threading.Thread(target=self._supervise, name="chat-supervisor", daemon=True)
        self.done: DoneRecord | None = None
        self.problem: BenchtuiError | None = None

    def begin(self) -> None:
        """Start the worker."""
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether there is no worker any more, and will be none."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def end(self) -> None:
        """Wait until the worker has ended, which was told to; where it does not, ask it to stop, then kill it."""
        if self._thread.ident is None:
            self._lock.release()
            return
        self._thread.join(CLOSING)
        if not self.ended:
            self._control.request_stop()
            self._thread.join(STOPPING)
        if not self.ended:
            self._control.kill_requested = True
            self._thread.join()

    def _supervise(self) -> None:
        try:
            with self._control.graceful():
                records = Supervisor([self._run], self._settings, self._control).supervise()
            self.done = next(iter(records), None)
        except BenchtuiError as error:
            self.problem = error
        except Exception as error:  # noqa: BLE001 - the thread ends here: the person is told why nothing is answered
            self.problem = BenchtuiError(f"The chat's supervisor failed: {type(error).__name__}: {error}")
        finally:
            self._lock.release()
