"""Whether a GGUF opened here is the model that a server answers with: greedy answers of both, token by token.

Builds of llama.cpp and processors round differently, so that answers of one quantised file part at near ties. The
bounds are measured ones, over three builds and both kinds of files.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchtui.worker.answering.gguf.answering import GgufAnswering
from benchtui.worker.answering.ollama.answers import TokenLogProb
from benchtui.worker.answering.protocol import Observer

PROMPTS = (
    "The capital of France is",
    "Water boils at",
    "def add(a, b):\n    return",
    "1, 2, 3, 4,",
    "The opposite of hot is",
    "Once upon a time there was",
    "The first president of the United States was",
    "To make bread you need flour,",
)
TOKENS = 16
"""Tokens of each answer."""
MEDIAN = 0.05
LARGEST = 1.0
"""Nats between the two log-probabilities of one token."""
_SEVERAL = 5
"""Tokens of an answer from which on it is no coincidence that all are certain."""
TIE, TIE_WHOLE = 0.3, 0.02
"""Nats between the two likeliest tokens where answers may part: of quantised weights, and of whole ones."""


@dataclass
class Agreement:
    """`differences` of the log-probabilities of equal tokens, `margins` where answers parted, both in nats.
    `certain` answers have tokens behind the first one of which each is told to be certain."""

    differences: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    equal_texts: int = 0
    certain: int = 0

    def compare(self, own: GgufAnswering, prompt: str, theirs: Sequence[TokenLogProb], observer: Observer) -> None:
        """Write what the server wrote behind `prompt`, up to where the two part."""
        if not theirs:
            return
        if len(theirs) > _SEVERAL and all(written.logprob == 0 for written in theirs[1:]):
            self.certain += 1
            return
        ids, _ = own.tokens.encode_prompts([prompt])[prompt]
        text = own.grow(observer)
        logprobs = text.step(ids or [own.tokens.prefix], last=1)[-1]
        for written in theirs:
            best = int(np.argmax(logprobs))
            piece = own.tokens.piece(best)
            if piece.decode(errors="replace") != written.text:
                if _is_text(piece) and _is_text(written.text.encode()):
                    self.margins.append(min(_margin(np.sort(logprobs)[-2:].tolist()), _margin_told(written)))
                return  # a character in several tokens comes joined: it cannot be followed
            self.differences.append(abs(float(logprobs[best]) - written.logprob))
            logprobs = text.step([best])[-1]
        self.equal_texts += 1

    def problem(self, *, quantised: bool) -> str:
        """What shows that they are two models, worded to follow a colon; "" where nothing does."""
        tie = TIE if quantised else TIE_WHOLE
        if self.certain:
            return "it tells that each token was certain, as servers do that draft several at once"
        if not self.differences and not self.margins:
            return "it tells no log-probabilities to compare"
        if self.margins and max(self.margins) > tie:
            return f"it writes another token where the likeliest two are {max(self.margins):.2f} nats apart"
        if self.differences and max(self.differences) > LARGEST:
            return f"the log-probability of a token differs by {max(self.differences):.2f} nats"
        if self.differences and (median := statistics.median(self.differences)) > MEDIAN:
            return f"log-probabilities of tokens differ by {median:.2f} nats (the median)"
        return ""


def _is_text(piece: bytes) -> bool:
    try:
        return "\ufffd" not in piece.decode()
    except UnicodeDecodeError:
        return False


def _margin(two: Sequence[float]) -> float:
    return abs(float(two[1]) - float(two[0]))


def _margin_told(written: TokenLogProb) -> float:
    return _margin([logprob for _, logprob in written.top[:2]]) if len(written.top) > 1 else float("inf")
