"""Refuses every connection of an offline worker, whatever a library or a task's own code tries."""

from __future__ import annotations

import socket
import sys
from typing import Any

from benchtui.errors import BenchtuiError

_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_CONNECTED = ("socket.connect", "socket.sendto")


class OfflineError(ConnectionError):
    """A connection that was not made because the run is offline."""


class RefusedConnections:
    """From when it is made until the process ends, every connection out of this process is refused.

    Sockets between processes of this machine (AF_UNIX) stay open. `tried` holds the hosts that somebody wanted to
    reach, `by_nltk` whether that was NLTK, which downloads its data when a task is imported.
    """

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.by_nltk = False
        sys.addaudithook(self._on_event)

    def check(self) -> None:
        """Raise BenchtuiError if a connection was tried: the libraries themselves often only print a warning, and what
        is missing would be noticed when the model has answered everything."""
        if self.by_nltk:
            raise BenchtuiError(
                "A task needs NLTK's data, which is not on this machine, and this run is offline.",
                "With a connection: python -m nltk.downloader punkt_tab; or set NLTK_DATA to the folder that has it.",
            )
        if self.tried:
            raise BenchtuiError(
                f"Loading the tasks wanted to connect to {self.tried[0]}, and this run is offline.",
                "Run it once without --offline, so that what it needs is in the cache.",
            )

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith("socket."):
            return
        if event in _LOOKED_UP:
            self._refuse(arguments[0])
        elif event in _CONNECTED and arguments[0].family != getattr(socket, "AF_UNIX", None):
            self._refuse(arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1])

    def _refuse(self, host: Any) -> None:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "this machine")
        self.tried.append(name)
        frame = sys._getframe()  # noqa: SLF001 - who wanted it
        while frame is not None:
            self.by_nltk |= frame.f_globals.get("__name__", "").startswith("nltk.")
            frame = frame.f_back  # type: ignore[assignment]
        raise OfflineError(f"{name} was not asked: this run is offline")
