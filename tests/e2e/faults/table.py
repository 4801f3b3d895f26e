"""The faults, each a function that causes one and returns what it saw; and the table they make."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.faults.drive import Place, References
from tests.e2e.faults.workshop import Workshop

AT_ONCE = 2
"""Faults caused at the same time: each has a worker that wants a core."""


@dataclass(frozen=True)
class Row:
    """What a fault left: answers before it, files after it, processes still alive, exit status, the resumed score."""

    fault: str
    answered: str
    on_disk: str
    left: int
    code: int | str
    resumed: str


Cause = Callable[[Place], list[Row]]
FAULTS: dict[str, Cause] = {}
LONG_ONLY: set[str] = set()


def fault(name: str, *, long_only: bool = False) -> Callable[[Cause], Cause]:
    def register(cause: Cause) -> Cause:
        FAULTS[name] = cause
        if long_only:
            LONG_ONLY.add(name)
        return cause

    return register


class Faults:
    """Causes the named faults, two at a time, each in a place of its own."""

    def __init__(self, names: list[str], workshop: Workshop, root: Path) -> None:
        self._workshop = workshop
        self._root = root
        self._references = References(workshop, root / "references")
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._rows: dict[str, Future[list[Row]]] = {
            name: self._pool.submit(self._cause, number, name) for number, name in enumerate(names)
        }

    def _cause(self, number: int, name: str) -> list[Row]:
        place = Place(self._workshop, self._root / f"{number:02}", self._references)
        try:
            rows = FAULTS[name](place)
            assert not place.left(), f"{name} left processes"
            return rows
        finally:
            place.kill_everything()

    def rows(self, name: str) -> list[Row]:
        return self._rows[name].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


HEADS = ("fault", "answered before", "on disk after", "left", "exit", "resumed score")


def table(rows: list[Row]) -> list[str]:
    cells = [HEADS, *((r.fault, r.answered, r.on_disk, str(r.left), str(r.code), r.resumed) for r in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return [lines[0], "  ".join("─" * width for width in widths), *lines[1:]]
