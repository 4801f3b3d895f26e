"""Score requests to log-likelihoods: by the engine where it can, by lm-eval where it cannot."""

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
from benchtui.worker.answering.hf.engine.output_head import OutputHead
from benchtui.worker.answering.hf.engine.tree_pass import PassSetup, Query
from benchtui.worker.answering.protocol import Observer, Score, Scored, ScoreRequest

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel


def score(lm: HFModel, engine: Engine, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
    """Answer every request. Raises `OutOfMemoryError` when one does not fit."""
    fast: list[int] = []
    slow: list[int] = []
    for index, request in enumerate(requests):
        length = len(request.context) + len(request.continuation)
        possible = engine.capabilities.shares_prefixes and length <= engine.capabilities.longest
        (fast if possible else slow).append(index)
    if fast:
        _by_tree(lm, engine, requests, fast, answered, observer)
    if slow:
        _by_lm_eval(lm, requests, slow, answered, observer)


def _by_tree(
    lm: HFModel,
    engine: Engine,
    requests: Sequence[ScoreRequest],
    indices: Sequence[int],
    answered: Scored,
    observer: Observer,
) -> None:
    queries = [_query(requests[index]) for index in indices]
    requested = RequestedBatch.of(lm.batch_size, max(len(query.inputs) for query in queries), lm.memory_share)
    tokens, why = batching.token_budget(engine.backbone, requested)
    head = OutputHead(engine.backbone, lm.softmax_dtype)
    setup = PassSetup(
        engine.backbone,
        engine.capabilities.tree_masks,
        batching.costs(engine.backbone),
        TokenBudget(tokens, observer, why),
        observer,
    )

    def passed_on(place: int, loglikelihood: float, greedy: bool) -> None:
        answered(indices[place], Score(loglikelihood, greedy))

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
