"""What the engine tells whoever watches it: signs of life, what is in flight, and what it decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from benchtui.runs.answer_health import AnswerFacts


class Observer(Protocol):
    """Called on the engine's own thread, between forwards: every method must return at once."""

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """A batch begins; `request_args` are the arguments of its requests that have no answer yet."""

    def tokens(self, n: int) -> None:
        """A forward of the model has been computed over `n` token positions."""

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """What was counted of an answer that the cache hook gets next, or later, for a request with these `texts` among
        its arguments: (context,) or (context, continuation). Facts of equal requests come in the order of their
        answers."""

    def decision(self, what: str, choice: str, why: str) -> None:
        """The engine settled something that a reader of the log may want to know; said once each time it changes."""


class Unobserved:
    """Nobody watches."""

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """Nothing to tell."""

    def tokens(self, n: int) -> None:
        """Nothing to tell."""

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """Nothing to tell."""

    def decision(self, what: str, choice: str, why: str) -> None:
        """Nothing to tell."""
