"""A model that vLLM has loaded in this process."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from benchtui.worker.answering.chat_template import template_arguments
from benchtui.worker.answering.hf.chat import HFChat
from benchtui.worker.answering.hf.token_bytes import token_bytes
from benchtui.worker.answering.hf.tokenizer import HFTokenizer
from benchtui.worker.answering.hf.tokenizer_alone import TokenizerAlone
from benchtui.worker.answering.next_token import TokenLogProbs, TopLogProbs
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    GenerateRequest,
    Ids,
    ModelPlan,
    Observer,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.answering.vllm.engine import Asked, Engine
from benchtui.worker.answering.vllm.generation import generate
from benchtui.worker.answering.vllm.scoring import score
from benchtui.worker.answering.vllm.streaming import VllmStreams
from benchtui.worker.answering.vllm.tops import tops

_PLACES_AT_ONCE = 16
"""Distributions that are asked for at once: each is a list of the whole vocabulary."""


class VllmAnswering(Answering):
    """vLLM's `LLM` and the tokenizer of its model."""

    def __init__(
        self, llm: Any, tokenizer: TokenizerAlone, plan: ModelPlan, *, device: str, rows: int, adapter: Any = None
    ) -> None:
        """`adapter` is vLLM's LoRARequest for the plan's adapter, where it has one."""
        self._llm = llm
        self._tokenizer = tokenizer
        self._plan = plan
        self._device = device
        self._engine = Engine(llm, rows, adapter)

    @property
    def facts(self) -> AnsweringFacts:
        """What vLLM chose."""
        return AnsweringFacts(
            backend="vllm",
            version=version("vllm"),
            device=self._device,
            dtype=str(self._llm.llm_engine.model_config.dtype).removeprefix("torch."),
            context_length=self._tokenizer.max_length,
        )

    @property
    def tokens(self) -> HFTokenizer:
        """The model's tokenizer, by the rules of lm-eval's `hf` model."""
        return HFTokenizer(self._tokenizer)

    @property
    def chat(self) -> HFChat:
        """The plan's chat template."""
        prompts = self._plan.prompts
        return HFChat(self._tokenizer.tokenizer, template_arguments(prompts), prompts)

    @property
    def rows(self) -> int:
        """Requests that are in vLLM's engine at once."""
        return self._engine.rows

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        score(self._engine, requests, answered, observer)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`. Raises BenchtuiError for settings that vLLM does not have."""
        generate(self._engine, requests, answered, observer, tokens=self.tokens, defaults=self._defaults)

    def streams(self) -> VllmStreams:
        """As `StreamsAnswers.streams`."""
        return VllmStreams(self._engine, self.tokens, self._defaults)

    @property
    def _defaults(self) -> Mapping[str, Any]:
        """What the model's generation_config.json says of sampling."""
        found: dict[str, Any] = self._llm.llm_engine.model_config.get_diff_sampling_param()
        return found

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """As `Distributions.distributions`: each place is a request for one token, whose prompt the prefix cache has
        but for its end."""
        for begin in range(first, len(ids) + 1, _PLACES_AT_ONCE):
            places = range(begin, min(begin + _PLACES_AT_ONCE, len(ids) + 1))
            outputs: dict[int, Any] = {}
            self._engine.ask([Asked(ids[:place], _full(), ((),)) for place in places], outputs.__setitem__, observer)
            yield TokenLogProbs(begin, np.stack([_row(outputs[place]) for place in range(len(places))]))

    def top_logprobs(
        self, texts: Sequence[tuple[Ids, int]], k: int, observer: Observer
    ) -> Iterator[tuple[int, TopLogProbs]]:
        """As `TopDistributions.top_logprobs`."""
        return tops(self._engine, texts, k, observer)

    def token_bytes(self) -> Sequence[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`."""
        return token_bytes(self._tokenizer.tokenizer, self._tokenizer.known_tokens)

    def close(self) -> None:
        """Free the weights and the cache."""
        engine = self._llm.llm_engine
        del self._llm, self._engine
        engine.engine_core.shutdown()
        del engine
        gc.collect()
        _release(self._device)


def _release(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.empty_cache()


def _full() -> Any:
    """SamplingParams that give the whole distribution of one token."""
    from vllm import SamplingParams

    return SamplingParams(
        temperature=0, max_tokens=1, ignore_eos=True, detokenize=False, logprobs=-1, flat_logprobs=True
    )


def _row(output: Any) -> Any:
    """float32 [vocabulary]: the log-probability of each token id."""
    found = output.outputs[0].logprobs
    ids = np.asarray(found.token_ids, dtype=np.int64)
    row = np.full(int(ids.max()) + 1, -np.inf, dtype=np.float32)
    row[ids] = np.asarray(found.logprobs, dtype=np.float32)
    return row
