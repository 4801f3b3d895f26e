"""The likeliest tokens at every place of given texts, by vLLM's `prompt_logprobs`: one request a text.

They are log-softmax of the model's own logits (`logprobs_mode` raw_logprobs, vLLM's default), before any sampler.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.next_token import TopLogProbs
from benchtui.worker.answering.protocol import Ids, Observer
from benchtui.worker.answering.top_logprobs import ToldPlace, UntoldError, gathered
from benchtui.worker.answering.vllm.engine import Asked, Engine


def tops(
    engine: Engine, texts: Sequence[tuple[Ids, int]], k: int, observer: Observer
) -> Iterator[tuple[int, TopLogProbs]]:
    """As `TopDistributions.top_logprobs`."""
    found: dict[int, TopLogProbs] = {}

    def finished(place: int, output: Any) -> None:
        ids, first = texts[place]
        places = [_told(output.prompt_logprobs[at], ids[at]) for at in range(first, len(ids))]
        try:
            found[place] = gathered(ids[first:], first, places, k)
        except UntoldError as error:
            raise BenchtuiError(
                f"vLLM's log-probabilities cannot be believed: {error}.", "Use --backend hf."
            ) from error

    asked = [Asked(ids, _params(k), ((),)) for ids, _ in texts]
    engine.ask(asked, finished, observer, rows=engine.scored_rows)
    yield from found.items()


def _params(k: int) -> Any:
    from vllm import SamplingParams

    return SamplingParams(temperature=1, max_tokens=1, ignore_eos=True, detokenize=False, prompt_logprobs=k)


def _told(entries: Any, own: int) -> ToldPlace:
    return ToldPlace({int(token): float(told.logprob) for token, told in entries.items()}, entries[own].rank)
