"""A model that answers in a chat, whichever backend has it: what the chat's worker asks of it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchtui.runs.kinds.chat.asked import Write
from benchtui.runs.kinds.chat.events import ChatReady, ChatToken, Finish


class AnswerCancelled(Exception):  # noqa: N818 - it is what was asked for, and no error
    """The person wants no more of this answer."""


class Cancellation:
    """Set when an answer is wanted no more; looked at between tokens, and in a long prompt between its pieces."""

    def __init__(self) -> None:
        self._set = threading.Event()

    def cancel(self) -> None:
        """Say that no more is wanted."""
        self._set.set()

    @property
    def cancelled(self) -> bool:
        """Whether no more is wanted."""
        return self._set.is_set()

    def check(self) -> None:
        """Raise AnswerCancelled where no more is wanted."""
        if self.cancelled:
            raise AnswerCancelled


@dataclass(frozen=True)
class Prompted:
    """The prompt as the model reads it: its tokens, how many of them it has in memory, its text, how many it has read
    by now; None: not told."""

    tokens: int | None = None
    cached: int | None = None
    text: str | None = None
    read: int | None = None


@dataclass(frozen=True)
class Piece:
    """More of an answer, as in `ChatPiece`; without text and tokens: nothing has come for a moment."""

    text: str
    tokens: tuple[ChatToken, ...] = ()


@dataclass(frozen=True)
class Over:
    """An answer is over. `tokens` of it were written, `prompt` read and `cached` not computed again; None: not told.
    `what` and `next_step` say why it failed."""

    finish: Finish
    tokens: int | None = None
    prompt: int | None = None
    cached: int | None = None
    what: str = ""
    next_step: str = ""


Told = Prompted | Piece | Over


class Speaker(Protocol):
    """A model that answers in a chat, one answer at a time or several in turn."""

    @property
    def ready(self) -> ChatReady:
        """What is told of it when it can be asked."""

    @property
    def lock(self) -> threading.Lock:
        """Held while the model computes; models on the same weights have the same."""

    def answer(
        self,
        asked: Write,
        before: Sequence[ChatToken],
        begins: Sequence[int],
        cancellation: Cancellation,
        written: str = "",
    ) -> Generator[Told, None, None]:
        """Write an answer: `Prompted` (again while it is read), then pieces, then `Over`.

        `before` are tokens of it that were written before the worker was started again, and `written` their text (no
        tokens where none are told); they are not told again.
        `begins` are the tokens of what it begins with, where this model wrote them; without them its text is read.
        Raises AnswerCancelled, BenchtuiError, and whatever the model raises.
        """

    def close(self) -> None:
        """Free what it holds."""
