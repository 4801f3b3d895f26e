"""Log-probabilities of given tokens after given ones, many queries at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchtui.worker.answering.hf.engine.output_head import OutputHead, ScoredTokens
from benchtui.worker.answering.hf.engine.tree_pass import Computed, PassSetup, Query, TargetSpan, TreePass
from benchtui.worker.answering.hf.timing import finished
from benchtui.worker.answering.next_token import TokenScore, TokensScored


class TreeScorer:
    """Answers queries, and calls `answered(index, what is said of its targets)` as soon as each is known.

    `args(index)` returns the arguments of the query's request, for the observer.
    """

    def __init__(
        self,
        setup: PassSetup,
        head: OutputHead,
        queries: Sequence[Query],
        args: Callable[[int], tuple[Any, ...]],
        answered: TokensScored,
    ) -> None:
        self._setup = setup
        self._head = head
        self._args = args
        self._answers = AnswerCollector(queries, answered)
        self._pass = TreePass(setup, queries, self._announce)

    def run(self) -> None:
        """Compute everything. Raises `OutOfMemoryError` when one query alone does not fit."""
        for computed in self._pass.computed():
            self._score(computed)

    def _score(self, computed: Computed) -> None:
        targets = gather_targets(computed.placed)
        scored = None
        if targets is not None:
            scored = self._head.score(computed.hidden, targets.positions, targets.tokens)
        seconds = finished(self._setup.backbone.device) - computed.began
        self._setup.observer.prefilled(computed.tokens, seconds)
        if targets is not None and scored is not None:
            self._answers.record(targets.spans, scored)

    def _announce(self, spans: Iterable[TargetSpan]) -> None:
        open_queries = {span.query: None for span in spans if self._answers.is_open(span.query)}
        if open_queries:
            self._setup.observer.batch_started([self._args(query) for query in open_queries])


@dataclass(frozen=True)
class _Part:
    first: int
    scored: ScoredTokens


class AnswerCollector:
    """Collects the parts of each answer, and calls `answered` when they are complete."""

    def __init__(self, queries: Sequence[Query], answered: TokensScored) -> None:
        self._missing = [len(query.targets) for query in queries]
        self._parts: dict[int, list[_Part]] = {}
        self._answered = answered

    def is_open(self, query: int) -> bool:
        """Whether the query has no answer yet."""
        return self._missing[query] > 0

    def record(self, spans: Sequence[TargetSpan], scored: ScoredTokens) -> None:
        """Add the scores of `spans`, whose targets follow each other in `scored`."""
        begin = 0
        for span in spans:
            end = begin + len(span.targets)
            self._parts.setdefault(span.query, []).append(_Part(span.first, scored.at(slice(begin, end))))
            self._missing[span.query] -= end - begin
            if not self._missing[span.query]:
                self._finish(span.query)
            begin = end

    def _finish(self, query: int) -> None:
        parts = sorted(self._parts.pop(query), key=lambda part: part.first)
        scored = ScoredTokens.joined([part.scored for part in parts])
        own = scored.logprobs
        self._answered(query, TokenScore(own.float().numpy(), scored.greedy, scored.signal, float(own.sum())))


@dataclass(frozen=True)
class TargetBatch:
    """The scores that a batch must compute: each target's position in the flattened rows, and its token."""

    spans: list[TargetSpan]
    positions: NDArray[np.int64]
    tokens: NDArray[np.int64]


def gather_targets(placed: Sequence[tuple[TargetSpan, int]]) -> TargetBatch | None:
    """Join spans, each with the position of its first target; None where there are none."""
    if not placed:
        return None
    positions = [np.arange(position, position + len(span.targets)) for span, position in placed]
    tokens = [span.targets for span, _ in placed]
    return TargetBatch([span for span, _ in placed], np.concatenate(positions), np.concatenate(tokens).astype(np.int64))
