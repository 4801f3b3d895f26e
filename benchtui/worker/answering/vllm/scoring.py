"""Log-likelihoods by vLLM: those of a prompt's tokens by `prompt_logprobs`, that of the token behind it as of a
generated one.

The last token of a continuation is not part of the prompt: it is asked for as one that could be generated. So the
model reads exactly what the hf backend has it read, choices of one token share one request, and those (which need no
log-probabilities of the prompt) find their context in vLLM's prefix cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.worker.answering.protocol import Observer, Score, Scored, ScoreRequest
from benchtui.worker.answering.vllm.engine import Asked, Engine
from benchtui.worker.not_a_number import NotANumberError

MOST_LAST_TOKENS = 100
"""Tokens whose log-probability one request asks for; vLLM refuses more than 128."""


def score(engine: Engine, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
    """Answer every request; those that read the same tokens are one."""
    groups = list(_groups(requests))
    asked = [
        Asked(requests[group[0]].inputs, _params([requests[index] for index in group]), _args(requests, group))
        for group in groups
    ]

    def finished(place: int, output: Any) -> None:
        for index in groups[place]:
            answered(index, _score(requests[index], output))

    engine.ask(asked, finished, observer, rows=engine.scored_rows)


def _groups(requests: Sequence[ScoreRequest]) -> Iterator[list[int]]:
    """Places of requests with the same inputs, of at most so many last tokens, in the order of the first of each."""
    same: dict[tuple[int, ...], list[int]] = {}
    for index, request in enumerate(requests):
        same.setdefault(tuple(request.inputs), []).append(index)
    for found in same.values():
        for first in range(0, len(found), MOST_LAST_TOKENS):
            yield found[first : first + MOST_LAST_TOKENS]


def _args(requests: Sequence[ScoreRequest], group: Sequence[int]) -> tuple[tuple[Any, ...], ...]:
    return tuple(requests[index].args for index in group)


def _params(group: Sequence[ScoreRequest]) -> Any:
    from vllm import SamplingParams

    within = any(len(request.continuation) > 1 for request in group)
    return SamplingParams(
        temperature=0,
        max_tokens=1,
        ignore_eos=True,
        detokenize=False,
        prompt_logprobs=0 if within else None,
        logprob_token_ids=list(dict.fromkeys(request.continuation[-1] for request in group)),
    )


def _score(request: ScoreRequest, output: Any) -> Score:
    inputs, total, greedy = request.inputs, 0.0, True
    for place in range(len(inputs) - len(request.continuation) + 1, len(inputs)):
        found = output.prompt_logprobs[place][inputs[place]]
        total += found.logprob
        greedy = greedy and found.rank == 1  # of equally likely tokens each has rank 1
    written, last = output.outputs[0], request.continuation[-1]
    found = written.logprobs[0]
    total += found[last].logprob
    greedy = greedy and found[last].logprob >= found[written.token_ids[0]].logprob
    if math.isnan(total):
        raise NotANumberError
    return Score(total, greedy)
