"""The session of a chat while its page is open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closes(Protocol):
    """What can be ended."""

    def close(self) -> None:
        """End it."""


S = TypeVar("S", bound=Closes)


class Held(Generic[S]):
    """A session is begun in a thread, and the page may be left meanwhile: whichever comes second ends it."""

    def __init__(self) -> None:
        self.left = False
        """Whether the page was left."""
        self._lock = threading.Lock()
        self._session: S | None = None

    def begin(self, begin: Callable[[], S]) -> S:
        """Begin the session, in the thread that this is called in; end it where the page was left meanwhile."""
        session = begin()
        with self._lock:
            self._session, left = session, self.left
        if left:
            session.close()
        return session

    def leave(self) -> S | None:
        """Say that the page is left; returns, once, the session that is to be ended now."""
        with self._lock:
            before, self.left = self.left, True
            return None if before else self._session
