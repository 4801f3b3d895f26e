"""Log-likelihoods, and what a model says of each token: by the engine where it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM

from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.batching import RequestedBatch, TokenBudget
from benchtui.worker.answering.hf.engine.capabilities import Engine
from benchtui.worker.answering.hf.engine.fallback import Fallback
from benchtui.worker.answering.hf.engine.loglikelihood import TreeScorer
from benchtui.worker.answering.hf.engine.output_head import OutputHead, Signal
from benchtui.worker.answering.hf.engine.tree_pass import PassSetup, Query
from benchtui.worker.answering.next_token import TokenScore, TokensScored
from benchtui.worker.answering.protocol import Observer, Score, Scored, ScoreRequest
from benchtui.worker.not_a_number import NotANumberError

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel


def score(lm: HFModel, engine: Engine, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
    """Answer every request. Raises `OutOfMemoryError` when one does not fit."""
    fast, slow = _divided(engine, requests)

    def passed_on(index: int, found: TokenScore) -> None:
        answered(index, Score(found.loglikelihood, bool(found.greedy.all())))

    _by_tree(lm, engine, requests, fast, None, passed_on, observer)
    if slow:
        _by_lm_eval(lm, requests, slow, answered, observer)


def score_tokens(
    lm: HFModel,
    engine: Engine,
    requests: Sequence[ScoreRequest],
    signal: Signal | None,
    answered: TokensScored,
    observer: Observer,
) -> list[int]:
    """Answer every request that the engine can, and return the numbers of the others.

    Raises OutOfMemoryError when one does not fit, NotANumberError where the model computes NaN for one of a batch: it
    spreads over what shares a row.
    """
    fast, slow = _divided(engine, requests)

    def checked(index: int, found: TokenScore) -> None:
        if np.isnan(found.logprobs).any():
            raise NotANumberError
        answered(index, found)

    _by_tree(lm, engine, requests, fast, signal, checked, observer)
    return slow


def _divided(engine: Engine, requests: Sequence[ScoreRequest]) -> tuple[list[int], list[int]]:
    """The numbers of the requests that the engine can answer, and of the others."""
    fast: list[int] = []
    slow: list[int] = []
    for index, request in enumerate(requests):
        length = len(request.context) + len(request.continuation)
        possible = engine.capabilities.shares_prefixes and length <= engine.capabilities.longest
        (fast if possible else slow).append(index)
    return fast, slow


def _by_tree(
    lm: HFModel,
    engine: Engine,
    requests: Sequence[ScoreRequest],
    indices: Sequence[int],
    signal: Signal | None,
    answered: TokensScored,
    observer: Observer,
) -> None:
    if not indices:
        return
    queries = [_query(requests[index]) for index in indices]
    requested = RequestedBatch.of(lm.batch_size, max(len(query.inputs) for query in queries), lm.memory_share)
    tokens, why = batching.token_budget(engine.backbone, requested)
    head = OutputHead(engine.backbone, lm.softmax_dtype, signal)
    setup = PassSetup(
        engine.backbone,
        engine.capabilities.tree_masks,
        batching.costs(engine.backbone),
        TokenBudget(tokens, observer, why),
        observer,
    )

    def passed_on(place: int, found: TokenScore) -> None:
        answered(indices[place], found)

    with torch.inference_mode():
        TreeScorer(setup, head, queries, lambda place: requests[indices[place]].args, passed_on).run()


def _query(request: ScoreRequest) -> Query:
    return Query(np.asarray(request.inputs, dtype=np.int32), np.asarray(request.continuation, dtype=np.int32))


def _by_lm_eval(
    lm: HFModel, requests: Sequence[ScoreRequest], indices: Sequence[int], answered: Scored, observer: Observer
) -> None:
    # Requests that differ in the last token alone are one row of lm-eval's batches; longest first, as there.
    rows: dict[tuple[int, ...], list[int]] = {}
    for index in sorted(indices, key=lambda index: -len(requests[index].context) - len(requests[index].continuation)):
        request = requests[index]
        rows.setdefault((*request.context, *request.continuation[:-1]), []).append(index)

    def method(part: list[int]) -> list[Score]:
        # lm-eval cuts contexts to the window itself.
        encoded = [(None, list(requests[index].context), list(requests[index].continuation)) for index in part]
        answers = HFLM._loglikelihood_tokens(lm, encoded, disable_tqdm=True)  # noqa: SLF001
        return [Score(*answer) for answer in answers]

    fallback = Fallback(lm, batching.rows_of_lm_eval(lm), observer)
    fallback.run(method, list(rows.values()), lambda index: requests[index].args, answered)
