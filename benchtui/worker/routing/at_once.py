"""Texts that two models write at once, as many as both have room for: another begins where one is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from benchtui.worker.answering.written import Answer, Asked


class Growing(Protocol):
    """A text in the making."""

    @property
    def answer(self) -> Answer:
        """What it has so far."""

    def end(self) -> None:
        """Free its room in both models."""


TextT = TypeVar("TextT", bound=Growing)
Started = Callable[[list[int]], None]
"""Takes the places of the texts that are being written, whenever others begin."""


def written_at_once(
    asked: Mapping[int, Asked],
    most: int,
    begun: Callable[[Asked], TextT],
    write_round: Callable[[list[TextT]], None],
    started: Started,
) -> Iterator[tuple[int, TextT]]:
    """Let `write_round` write some of the texts that are being written, up to `most`, again and again; yield the place
    of each, and what was `begun` of it, as soon as it is complete.

    Those whose prompts begin alike are written together, so that what they have in common is read once.
    """
    waiting = sorted(asked, key=lambda place: list(asked[place].prompt))
    active: dict[int, TextT] = {}
    while waiting or active:
        if waiting and len(active) < most:
            places, waiting = waiting[: most - len(active)], waiting[most - len(active) :]
            active |= {place: begun(asked[place]) for place in places}
            started(list(active))
        write_round(list(active.values()))
        for place, text in list(active.items()):
            if text.answer.ended is not None:
                text.end()
                yield place, active.pop(place)
