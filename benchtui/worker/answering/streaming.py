"""An answer that is taken while it is written: what models that are not stepped here are asked in a chat."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from benchtui.runs.kinds.chat.events import ChatToken
from benchtui.worker.answering.protocol import GenerateRequest

TOP = 5
"""How many of the likeliest tokens are asked for at each place."""
Reason = Literal["end", "stop", "length", "window"]
"""Why an answer ended: an end token, a stop string, the greatest number of tokens, the model's window."""


@dataclass(frozen=True)
class Part:
    """More of an answer: of its text, or of the model's thoughts, which some servers tell apart from it; and the tokens
    of it where they are told."""

    text: str = ""
    thought: str = ""
    tokens: tuple[ChatToken, ...] = ()


@dataclass(frozen=True)
class Ended:
    """An answer is complete. `tokens` of it were written, `prompt` read and `cached` of these not computed again; None
    where nobody says."""

    reason: Reason
    tokens: int | None = None
    prompt: int | None = None
    cached: int | None = None


@dataclass(frozen=True)
class Reading:
    """How much of the prompt is read by now, and how many of its tokens did not have to be; all in tokens."""

    read: int
    prompt: int
    cached: int


Streamed = Part | Reading | Ended | None
"""None: nothing has come for a moment."""


class Streams(Protocol):
    """How the answers of one model are taken while they are written.

    `by_messages`: the prompt is a list of messages, written as JSON, and the server's own chat template is applied to
    it; otherwise it is the text that the model reads.
    """

    by_messages: bool

    @property
    def why_no_tokens(self) -> str:
        """Why log-probabilities of tokens are not told, "" where they are."""

    @property
    def why_no_begin(self) -> str:
        """Why no answer can be continued, "" where one can."""

    def encoded(self, text: str) -> list[int] | None:
        """Return the tokens of a prompt; None where nobody here knows them."""

    def stream(self, request: GenerateRequest, begin: str = "") -> Generator[Streamed, None, None]:
        """Yield what comes of an answer, `Ended` last. `begin` is what it begins with where the prompt is of messages.
        Stop strings are not looked for. Closed early, the model writes no more of it.

        Raises UnansweredError, PassingError, BusyError and LostError of `http/failures.py`, and BenchtuiError for what
        the model is not asked with.
        """


@runtime_checkable
class StreamsAnswers(Protocol):
    """A model whose answers are taken while they are written."""

    def streams(self) -> Streams | None:
        """Return how; None where it is to be stepped. Raises what opening a model raises."""


def whole_characters(text: Any) -> str:
    """A text as UTF-8 can carry it: halves of surrogate pairs, which JSON may hold, become U+FFFD."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""
