"""Log-likelihoods from a server: which way its product has, and that nothing is believed before it was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchtui.worker.answering.openai.probe import SENTENCE
from benchtui.worker.answering.protocol import Answering, Score, ScoreRequest, Tokenizer, Unobserved

_KNOWN = 32
"""Tokens of the known text at most: each is a request."""


class Scorer(Protocol):
    """One way of a server to give log-likelihoods of given tokens.

    `name` says how, in a few words, for the run's record: it can change a score in the last digits. `beyond` are the
    tokens of a request behind those that the model reads for a score, which count for the server's window.
    """

    name: str
    beyond: int

    async def prove(self) -> None:
        """Try whether the numbers can be believed. Raises BenchtuiError that says why not, and what to use instead."""

    async def score(self, group: Sequence[ScoreRequest]) -> Sequence[Score]:
        """The answers to requests with one context, in their order. Raises UnansweredError where this group has none,
        BenchtuiError where none will have one."""


def groups_of(requests: Sequence[ScoreRequest]) -> list[list[int]]:
    """The places of requests that share their context and what is lost of it, in the order of the first of each."""
    found: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for place, request in enumerate(requests):
        found.setdefault((tuple(request.context), request.lost), []).append(place)
    return list(found.values())


def known_text(answering: Answering, tokens: Tokenizer) -> tuple[float, ...]:
    """As `Answering.known_text`: the probe's sentence."""
    ids = tokens.encode([SENTENCE])[SENTENCE][: min(answering.facts.context_length or _KNOWN, _KNOWN)]
    found: dict[int, Score] = {}
    requests = [ScoreRequest(ids[:1], ids[1:end], ()) for end in range(2, len(ids) + 1)]
    answering.score(requests, found.__setitem__, Unobserved())
    return tuple(found[place].loglikelihood for place in range(len(requests)))
