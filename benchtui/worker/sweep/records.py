"""What a sweep's journal holds of each request: everything that any threshold can be told from."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Ended
from benchtui.routing.sweep import Mask

Floats = NDArray[np.float32]


class Pass(msgspec.Struct, frozen=True, array_like=True):
    """What one model makes of the n tokens of a continuation, as little-endian bytes: their log-probabilities
    (float32), whether each is the likeliest (one byte), how unsure the small model is before each (float32). `whole` is
    what the model gives for all of them together, `read` the tokens that it reads."""

    logprobs: bytes
    greedy: bytes
    signal: bytes
    whole: float
    read: int

    @classmethod
    def of(cls, logprobs: Floats, greedy: Mask, signal: Floats | None, whole: float, read: int) -> Pass:
        """Return the record of these arrays (n,)."""
        packed = b"" if signal is None else signal.astype("<f4").tobytes()
        return cls(logprobs.astype("<f4").tobytes(), greedy.astype(np.bool_).tobytes(), packed, whole, read)

    @property
    def arrays(self) -> tuple[Floats, Mask, Floats]:
        """The three arrays. Raises BenchtuiError where a record is damaged."""
        try:
            found = (
                np.frombuffer(self.logprobs, "<f4"),
                np.frombuffer(self.greedy, np.bool_),
                np.frombuffer(self.signal, "<f4"),
            )
        except ValueError:
            found = (np.empty(1, np.float32), np.empty(0, np.bool_), np.empty(0, np.float32))
        if len(found[0]) != len(found[1]) or len(found[2]) not in (0, len(found[0])):
            raise BenchtuiError("The journal of this sweep is damaged.", "Start it again with --no-resume.")
        return found


class Measured(msgspec.Struct, frozen=True, array_like=True):
    """How unsure the small model was of the tokens that it wrote alone, and the positions that this took."""

    signals: tuple[float, ...]
    positions: int


class SweptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """One text that some thresholds give: `thresholds` are their places, `writers` who wrote its tokens at each of them
    ("aab"), `text` what lm-eval is given. `ended` as WrittenText has it."""

    text: str
    thresholds: tuple[int, ...]
    writers: tuple[str, ...]
    ended: Ended


class SweptAnswers(msgspec.Struct, frozen=True, array_like=True):
    """All texts of one request behind a prompt of so many tokens, and what both models really did for them: calls and
    positions, `small` and `large`."""

    answers: tuple[SweptAnswer, ...]
    prompt: int
    small: tuple[int, int]
    large: tuple[int, int]

    def at(self, threshold: int) -> tuple[SweptAnswer, str]:
        """Return the text at the place of a threshold, and who wrote its tokens."""
        for answer in self.answers:
            if threshold in answer.thresholds:
                return answer, answer.writers[answer.thresholds.index(threshold)]
        raise BenchtuiError("The journal of this sweep is damaged.", "Start it again with --no-resume.")
