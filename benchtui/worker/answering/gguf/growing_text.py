"""Texts in llama.cpp's cache that grow by tokens, fork and are cut back, without computing twice."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np

from benchtui.worker.answering.gguf.context import Context, NoRoomError
from benchtui.worker.answering.gguf.distributions import check_length
from benchtui.worker.answering.gguf.layout import SEQUENCES, text_rows
from benchtui.worker.answering.gguf.logits import logprobs
from benchtui.worker.answering.growing_text import TokenText
from benchtui.worker.answering.next_token import GrowingText, LogProbs
from benchtui.worker.answering.protocol import Ids, Observer


class CachedText(TokenText):
    """A growing text whose tokens stay in the cache of `TextCache`: a step reads the new ones alone.

    The first `cached` of its tokens are in the cache, in `sequence`; None where it has none now.
    """

    def __init__(self, cache: TextCache, observer: Observer, ids: Ids = ()) -> None:
        super().__init__(observer, ids)
        self._cache = cache
        self.sequence: int | None = None
        self.cached = 0

    def _computed(self, longer: list[int], asked: int) -> LogProbs:
        return self._cache.read(self, longer, asked, self._observer)

    def fork(self) -> GrowingText:
        """As `GrowingText.fork`."""
        other = CachedText(self._cache, self._observer, self._ids)
        self._cache.share(self, other)
        return other

    def cut(self, length: int) -> None:
        """As `GrowingText.cut`."""
        super().cut(length)
        self._cache.cut(self, length)


class TextCache:
    """A context of its own for growing texts: each has a sequence, forks share the cells of their beginning.

    Where sequences or cells run out, the texts used longest ago lose theirs, and are read again when they grow.
    `make_context` makes an empty context of at least so many cells.
    """

    def __init__(self, make_context: Callable[[int], Context], window: int) -> None:
        self._make_context = make_context
        self._window = window
        self._context: Context | None = None
        self._texts: dict[int, weakref.ref[CachedText]] = {}
        """By sequence, the one used longest ago first."""

    def read(self, text: CachedText, ids: list[int], asked: int, observer: Observer) -> LogProbs:
        """Read what of `ids` is not in the cache of `text` yet; returns the distributions after the last `asked`."""
        check_length(len(ids), self._window)
        self._make_room(text, len(ids))
        try:
            return self._continued(self._context_for(len(ids)), text, ids, asked, observer)
        except NoRoomError:
            self._forget_others(text)
        try:
            return self._continued(self._context_for(len(ids)), text, ids, asked, observer)
        except NoRoomError:
            self._forget_all()
        size = len(ids)
        while True:
            try:
                return self._continued(self._context_for(size), text, ids, asked, observer)
            except NoRoomError:
                size *= 2

    def _continued(
        self, context: Context, text: CachedText, ids: list[int], asked: int, observer: Observer
    ) -> LogProbs:
        sequence, before = self._take_sequence(context, text), text.cached
        rows = text_rows(ids[before:], before, sequence, wanted_from=len(ids) - before - asked)
        try:
            found = np.concatenate([logprobs(logits) for logits in context.read(rows, observer)])
        except BaseException:
            context.cut(sequence, before)  # the text has not grown
            raise
        text.cached = len(ids)
        return found

    def _make_room(self, text: CachedText, cells: int) -> None:
        """Take what is cached of `text` along into a larger context, where this one has too few cells."""
        if self._context is None or self._context.cells >= cells or text.sequence is None:
            return
        state, cached = self._context.state(text.sequence), text.cached
        context = self._context_for(cells)
        if context.restore(self._take_sequence(context, text), state):
            text.cached = cached

    def _context_for(self, cells: int) -> Context:
        if self._context is None or self._context.cells < cells:
            self.close()
            self._context = self._make_context(cells)
        return self._context

    def _take_sequence(self, context: Context, text: CachedText) -> int:
        """Return the text's sequence, which is now the one used last; a new one is empty."""
        if text.sequence is not None:
            self._texts[text.sequence] = self._texts.pop(text.sequence)
            return text.sequence
        free = next((number for number in range(SEQUENCES) if number not in self._texts), None)
        if free is None:
            free = next((number for number, known in self._texts.items() if known() is None), next(iter(self._texts)))
            self._forget(free)
        context.cut(free, 0)
        text.sequence, text.cached = free, 0
        self._texts[free] = weakref.ref(text)
        return free

    def share(self, text: CachedText, other: CachedText) -> None:
        """Let `other`, which has the same tokens, begin with what is cached of `text`."""
        if self._context is None or text.sequence is None or not text.cached:
            return
        target = self._take_sequence(self._context, other)
        if text.sequence is not None:  # it may have been the one to give up its own
            self._context.copy(text.sequence, target)
            other.cached = text.cached

    def cut(self, text: CachedText, length: int) -> None:
        """Forget the text's tokens from a place on."""
        if self._context is not None and text.sequence is not None and text.cached > length:
            self._context.cut(text.sequence, length)
            text.cached = length

    def _forget(self, sequence: int) -> None:
        text = self._texts.pop(sequence)()
        if text is not None:
            text.sequence, text.cached = None, 0

    def _forget_others(self, text: CachedText) -> None:
        """Forget all texts but one."""
        for sequence in [number for number in self._texts if number != text.sequence]:
            self._forget(sequence)
            if self._context is not None:
                self._context.cut(sequence, 0)

    def _forget_all(self) -> None:
        for sequence in list(self._texts):
            self._forget(sequence)
        if self._context is not None:
            self._context.clear()

    def close(self) -> None:
        """Free the context; texts are read again when they grow."""
        self._forget_all()
        context, self._context = self._context, None
        if context is not None:
            context.close()
