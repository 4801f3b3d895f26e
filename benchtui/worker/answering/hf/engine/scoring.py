"""Encoded requests to log-likelihoods: by the engine where it can, by lm-eval where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.batching import RequestedBatch, TokenBudget
from benchtui.worker.answering.hf.engine.capabilities import Engine
from benchtui.worker.answering.hf.engine.counting import Encoded, lost_to_window
from benchtui.worker.answering.hf.engine.fallback import Fallback
from benchtui.worker.answering.hf.engine.loglikelihood import Query, ScoringSetup, TreeScorer
from benchtui.worker.answering.hf.engine.output_head import OutputHead

Answer = tuple[float, bool]
# Index, answer, and whether lm-eval's own code has filed it with the cache hook already.
Answered = Callable[[int, Answer, bool], None]
Args = Callable[[int], tuple[Any, ...]]


def score(lm: Any, engine: Engine, requests: Sequence[Encoded], args: Args, answered: Answered) -> None:
    """Answer every request; `args(index)` are what the observer is told of one in flight.

    Raises `BenchtuiError` for a continuation longer than the model's window, `OutOfMemoryError` when one does not fit.
    """
    fast: list[int] = []
    slow: list[int] = []
    for index, (_, context, continuation) in enumerate(requests):
        if not continuation:
            answered(index, (0.0, True), False)
        elif not engine.capabilities.shares_prefixes or len(context) + len(continuation) > engine.capabilities.longest:
            slow.append(index)
        else:
            fast.append(index)
    if fast:
        _by_tree(lm, engine, requests, fast, args, answered)
    if slow:
        _by_lm_eval(lm, requests, slow, args, answered)


class Gathered:
    """Parts that belong to owners; `whole(owner, parts)` is called with an owner's parts when all are there."""

    def __init__(self, owners: Sequence[int], count: int, whole: Callable[[int, Sequence[float]], None]) -> None:
        self._owners = owners
        self._parts: list[dict[int, float]] = [{} for _ in range(count)]
        self._missing = [0] * count
        self._whole = whole
        for owner in owners:
            self._missing[owner] += 1
        for owner, missing in enumerate(self._missing):
            if not missing:
                whole(owner, ())

    def add(self, index: int, value: float) -> None:
        """Take in the part with this index."""
        owner = self._owners[index]
        self._parts[owner][index] = value
        self._missing[owner] -= 1
        if not self._missing[owner]:
            parts = self._parts[owner]
            self._whole(owner, [parts[place] for place in sorted(parts)])


def _by_tree(
    lm: Any, engine: Engine, requests: Sequence[Encoded], indices: Sequence[int], args: Args, answered: Answered
) -> None:
    queries = [_query(lm, requests[index]) for index in indices]
    requested = RequestedBatch.of(lm.batch_size, max(len(query.inputs) for query in queries), lm.memory_share)
    tokens, why = batching.token_budget(engine.backbone, requested)
    setup = ScoringSetup(
        engine.backbone,
        OutputHead(engine.backbone, lm.softmax_dtype),
        engine.capabilities.tree_masks,
        batching.costs(engine.backbone),
        TokenBudget(tokens, lm.observer, why),
        lm.observer,
    )

    def passed_on(place: int, loglikelihood: float, greedy: bool) -> None:
        answered(indices[place], (loglikelihood, greedy), False)

    with torch.inference_mode():
        TreeScorer(setup, queries, lambda place: args(indices[place]), passed_on).run()


def _query(lm: Any, request: Encoded) -> Query:
    _, context, continuation = request
    window = lm.max_length
    if len(continuation) > window:
        raise BenchtuiError(
            f"A continuation of {len(continuation)} tokens is longer than the model's window of {window}.",
            "Set max_length in the model's arguments if the model can read more.",
        )
    # A context without tokens (a text of nothing but spaces) is read as an empty one: after the prefix token.
    context = context or [lm.prefix_token_id]
    tokens = [*context[lost_to_window(lm, context, continuation) :], *continuation]
    inputs = np.asarray(tokens[:-1], dtype=np.int32)
    return Query(inputs, np.asarray(continuation, dtype=np.int32))


def _by_lm_eval(lm: Any, requests: Sequence[Encoded], indices: Sequence[int], args: Args, answered: Answered) -> None:
    # Requests that differ in the last token alone are one row of lm-eval's batches; longest first, as there.
    rows: dict[tuple[int, ...], list[int]] = {}
    for index in sorted(indices, key=lambda index: -len(requests[index][1]) - len(requests[index][2])):
        _, context, continuation = requests[index]
        rows.setdefault((*context, *continuation[:-1]), []).append(index)

    def method(part: list[int]) -> list[Answer]:
        encoded = [requests[index] for index in part]
        answers: list[Answer] = HFLM._loglikelihood_tokens(lm, encoded, disable_tqdm=True)  # noqa: SLF001
        return answers

    fallback = Fallback(lm, batching.rows_of_lm_eval(lm), lm.observer)
    fallback.run(method, list(rows.values()), args, lambda index, answer: answered(index, answer, True))
