"""A text that comes piece by piece, up to the first stop string."""

from __future__ import annotations

from collections.abc import Sequence


class StoppedText:
    """Text in, text out. `stops` end it: what may be the beginning of one is kept back until it is not."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stops = [stop for stop in stops if stop]
        self._kept = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """Return what is certain with this piece; nothing comes behind a whole stop string."""
        if self.stopped:
            return ""
        whole = self._kept + text
        found = [place for stop in self._stops if (place := whole.find(stop)) >= 0]
        if found:
            self.stopped, self._kept = True, ""
            return whole[: min(found)]
        longest = max((_begun(whole, stop) for stop in self._stops), default=0)
        self._kept = whole[len(whole) - longest :]
        return whole[: len(whole) - longest]

    def end(self) -> str:
        """Return what was kept back: nothing more comes."""
        kept, self._kept = self._kept, ""
        return kept


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text may be the beginning of a stop string."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
