"""How a transformers model writes by itself: a task's settings with those of its generation_config.json."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.generation import logits_process as processing

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Sampling
from benchtui.text import one_line
from benchtui.worker.answering.hf.engine.generation_settings import (
    GenerationSettings,
    SettingsReader,
    UnsupportedSettings,
)
from benchtui.worker.answering.hf.spread import input_device
from benchtui.worker.answering.next_token import Changes, OwnSettings
from benchtui.worker.answering.protocol import GenerateRequest, Ids

_SAMPLING = (
    processing.TemperatureLogitsWarper,
    processing.TopKLogitsWarper,
    processing.TopPLogitsWarper,
    processing.MinPLogitsWarper,
)
_WITHOUT_EFFECT = frozenset({"InfNanRemoveLogitsProcessor", "LogitNormalization"})
# They come after those above, and what two models draw from is processed by those alone.
_UNKNOWN = frozenset({"TypicalLogitsWarper", "EpsilonLogitsWarper", "EtaLogitsWarper", "TopHLogitsWarper"})


def own_settings(causal: Any, reader: SettingsReader, request: GenerateRequest, eos: int) -> OwnSettings:
    """Return how a model writes the answer to a request, whose tokenizer ends texts with `eos`. Raises BenchtuiError
    naming the setting that only its own loop follows."""
    name = str(getattr(causal.config, "_name_or_path", "") or type(causal).__name__)
    try:
        found = reader.read(request.settings)
    except UnsupportedSettings as reason:
        raise _not_together(name, str(reason)) from reason
    processors = _processors(found)
    if unknown := [type(each).__name__ for each in processors if type(each).__name__ in _UNKNOWN]:
        raise _not_together(name, f"{', '.join(unknown)} among what its tokens are drawn from")
    changing = [type(each).__name__ for each in processors if _changes(each)]
    return OwnSettings(
        _sampling(found, processors, request),
        found.eos | {eos},
        (lambda prompt: _changes_behind(found, prompt, input_device(causal))) if changing else None,
        ", ".join(changing),
    )


def _not_together(name: str, what: str) -> BenchtuiError:
    return BenchtuiError(
        f"{one_line(name, 100)}: two models that write together cannot follow {one_line(what, 200)}.",
        "Remove it from --gen-kwargs or the model's generation_config.json, or let one model write alone.",
    )


def _processors(found: GenerationSettings, prompt: Ids = (0,)) -> list[Any]:
    if found.processors is None:
        return []
    return list(found.processors(np.asarray(prompt, np.int32)))


def _changes(processor: Any) -> bool:
    return not isinstance(processor, _SAMPLING) and type(processor).__name__ not in _WITHOUT_EFFECT


def _sampling(found: GenerationSettings, processors: list[Any], request: GenerateRequest) -> Sampling:
    if not found.sample:
        return Sampling(max_new_tokens=found.limit, stop=request.stops)
    by_type = {type(each): each for each in processors}
    temperature, top_k, top_p, min_p = (by_type.get(kind) for kind in _SAMPLING)
    return Sampling(
        float(temperature.temperature) if temperature else 1.0,
        int(top_k.top_k) if top_k else 0,
        float(top_p.top_p) if top_p else 1.0,
        float(min_p.min_p) if min_p else 0.0,
        found.limit,
        request.stops,
        request.seed,
    )


def _changes_behind(found: GenerationSettings, prompt: Ids, device: torch.device) -> Changes:
    """transformers' own processors for a prompt, without those that sample."""
    processors = [each for each in _processors(found, prompt) if _changes(each)]

    def changed(ids: Ids, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = torch.from_numpy(logits[None].astype(np.float32)).to(device)
        text = torch.tensor([list(ids)], device=device)
        for processor in processors:
            scores = processor(text, scores)
        array: NDArray[np.float64] = scores[0].cpu().numpy().astype(np.float64)
        return array

    return changed
