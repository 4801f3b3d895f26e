"""What is written of a draft: by the likeliest tokens where nothing is sampled, else by whole distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from benchtui.routing.records import Sampling
from benchtui.routing.sampling import accepts, picked, processed, residual
from benchtui.worker.answering.stepped import LogProbs, Reading, SteppedBatch
from benchtui.worker.answering.written import Answer

Row = Any
"""What is read of the distribution of one token: the likeliest id, or log-probabilities [known ids]."""
_ACCEPTANCE, _RESIDUAL = 1, 2
"""Streams of random numbers. Stream 0 is that of drafts, and of what the large model writes: where both models are
equal, the text is the one that the large model writes alone."""


class Choosing(Protocol):
    """How the tokens of an answer are chosen by two models."""

    def read(self, batch: SteppedBatch, readings: Sequence[Reading]) -> list[Sequence[Row]]:
        """Read some texts with one model; returns of each as many rows as it asks for."""

    def drawn(self, answer: Answer, row: Row, ahead: int) -> int:
        """Choose the token `ahead` places behind the next one of an answer."""

    def accepts(self, answer: Answer, token: int, target: Row, source: Row) -> bool:
        """Whether the next token of an answer, drafted from `source`, is one of `target`."""

    def corrected(self, answer: Answer, target: Row, source: Row | None) -> int:
        """Choose the next token of an answer after a rejected draft from `source`; None where none was rejected."""


class Likeliest:
    """Without sampling, a token is accepted where it is the one that the large model finds likeliest."""

    def read(self, batch: SteppedBatch, readings: Sequence[Reading]) -> list[Sequence[Row]]:
        """As `Choosing.read`."""
        return cast("list[Sequence[Row]]", batch.likeliest(readings))

    def drawn(self, answer: Answer, row: Row, ahead: int) -> int:
        """As `Choosing.drawn`."""
        del answer, ahead
        return int(row)

    def accepts(self, answer: Answer, token: int, target: Row, source: Row) -> bool:
        """As `Choosing.accepts`."""
        del answer, source
        return token == int(target)

    def corrected(self, answer: Answer, target: Row, source: Row | None) -> int:
        """As `Choosing.corrected`."""
        del answer, source
        return int(target)


@dataclass(frozen=True)
class Sampled:
    """With sampling, by the rule of arXiv 2211.17192, on distributions that `sampling` has processed."""

    sampling: Sampling

    def read(self, batch: SteppedBatch, readings: Sequence[Reading]) -> list[Sequence[Row]]:
        """As `Choosing.read`."""
        return cast("list[Sequence[Row]]", batch.read(readings))

    def drawn(self, answer: Answer, row: LogProbs, ahead: int) -> int:
        """As `Choosing.drawn`."""
        return answer.drawn(row, ahead)

    def accepts(self, answer: Answer, token: int, target: LogProbs, source: LogProbs) -> bool:
        """As `Choosing.accepts`."""
        number = answer.number(stream=_ACCEPTANCE)
        return accepts(token, processed(target, self.sampling), processed(source, self.sampling), number)

    def corrected(self, answer: Answer, target: LogProbs, source: LogProbs | None) -> int:
        """As `Choosing.corrected`."""
        if source is None:
            return answer.drawn(target)
        left = residual(processed(target, self.sampling), processed(source, self.sampling))
        return picked(left, answer.number(stream=_RESIDUAL))


def choosing(sampling: Sampling) -> Choosing:
    """Return how tokens are chosen by these settings."""
    return Sampled(sampling) if sampling.samples else Likeliest()
