"""Texts that a model has in memory: one that begins like an earlier one is continued from there, not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchtui.worker.answering.next_token import GrowingText

KEPT = 4
"""How many texts are kept that nobody writes now: as many branches of a chat can be returned to without reading."""
_WORTH = 16
"""A text that ends in more tokens than these, which another one does not have, is kept for itself."""


@dataclass(eq=False)
class _Kept:
    text: GrowingText
    used_at: int


class TextMemory:
    """The texts of one model; `begin` begins an empty one. Texts with a common beginning share what the model computed
    of it, where its backend can."""

    def __init__(self, begin: Callable[[], GrowingText]) -> None:
        self._begin = begin
        self._kept: list[_Kept] = []
        self._clock = 0

    def take(self, ids: Sequence[int]) -> GrowingText:
        """Return a text that is the longest beginning of `ids` that is in memory, at least one token short of them."""
        best = max(self._kept, key=lambda each: alike(each.text.ids, ids), default=None)
        shared = 0 if best is None else min(alike(best.text.ids, ids), len(ids) - 1)
        if best is None or not shared:
            return self._begin()
        if len(best.text.ids) - shared > _WORTH:
            best.used_at = self._tick()
            text = best.text.fork()
        else:
            self._kept.remove(best)
            text = best.text
        text.cut(shared)
        return text

    def keep(self, text: GrowingText) -> None:
        """Take a text back; the one that was used longest ago is forgotten where there are too many."""
        if text.ids:
            self._kept.append(_Kept(text, self._tick()))
        if len(self._kept) > KEPT:
            self._kept.remove(min(self._kept, key=lambda each: each.used_at))

    @property
    def held(self) -> int:
        """How many texts it has that nobody writes now."""
        return len(self._kept)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _tick(self) -> int:
        self._clock += 1
        return self._clock


def alike(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many tokens, or characters, two texts begin alike with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))
