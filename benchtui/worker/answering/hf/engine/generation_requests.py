"""Requests to generated texts: by the engine where it can, by lm-eval where it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import normalize_gen_kwargs

from benchtui.errors import BenchtuiError
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.hf.engine import batching, tokenization
from benchtui.worker.answering.hf.engine.attention import MaskStyle
from benchtui.worker.answering.hf.engine.batching import RequestedBatch, TokenBudget
from benchtui.worker.answering.hf.engine.capabilities import Engine
from benchtui.worker.answering.hf.engine.counting import stops_inside
from benchtui.worker.answering.hf.engine.fallback import Fallback
from benchtui.worker.answering.hf.engine.generation import GenerationSetup, generate
from benchtui.worker.answering.hf.engine.generation_settings import (
    GenerationSettings,
    SettingsReader,
    UnsupportedSettings,
)
from benchtui.worker.answering.hf.engine.sampling import Job, NotFiniteError, random_for
from benchtui.worker.not_a_number import NotANumberError

# Index, text, and whether lm-eval's own code has filed it with the cache hook already.
Answered = Callable[[int, str, bool], None]


def write(lm: Any, engine: Engine, requests: Sequence[Instance], answered: Answered) -> None:
    """Answer every request.

    Raises `BenchtuiError` where more tokens are asked for than the window holds, `OutOfMemoryError` when one request
    alone does not fit.
    """
    for gen_kwargs in {repr(request.args[1]): request.args[1] for request in requests}.values():
        _room(lm, int(normalize_gen_kwargs(gen_kwargs, lm.max_gen_toks)["max_gen_toks"]))
    style = engine.capabilities.decode_masks
    jobs, prompt_lengths = _jobs(lm, engine, requests) if style is not None else ([], {})
    if style is not None and jobs:
        _by_engine(lm, engine, style, requests, jobs, prompt_lengths, answered)
    taken = {job.index for job in jobs}
    slow = [index for index in range(len(requests)) if index not in taken]
    if slow:
        _by_lm_eval(lm, requests, slow, answered)


def _jobs(lm: Any, engine: Engine, requests: Sequence[Instance]) -> tuple[list[Job], dict[str, int]]:
    """The requests that the engine can generate for, and the length of each prompt before it is cut; the observer is
    told why the others are left out."""
    eos = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
    reader = SettingsReader(engine.backbone.causal, lm.tokenizer, eos, lm.max_gen_toks)
    read: dict[str, GenerationSettings | None] = {}
    encoded = tokenization.encoded_prompts(lm, (request.args[0] for request in requests))
    seen: Counter[tuple[str, str]] = Counter()
    jobs = []
    for index, request in enumerate(requests):
        context, gen_kwargs = request.args
        name = repr(sorted(gen_kwargs.items()))
        if name not in read:
            read[name] = _settings(lm, reader, gen_kwargs)
        settings = read[name]
        random = random_for(torch.initial_seed(), context, gen_kwargs, seen[context, name])
        seen[context, name] += 1
        if settings is None:
            continue
        prompt = encoded[context][-_room(lm, settings.reserved) :]
        if prompt and len(prompt) + settings.limit <= engine.capabilities.longest:
            jobs.append(Job(index, np.asarray(prompt, dtype=np.int32), settings, random))
    return jobs, tokenization.prompt_lengths(lm, encoded)


def _settings(lm: Any, reader: SettingsReader, gen_kwargs: dict[str, Any]) -> GenerationSettings | None:
    try:
        return reader.read(gen_kwargs)
    except UnsupportedSettings as reason:
        lm.observer.decision("generation", "lm-eval's own", str(reason))
        return None


def _room(lm: Any, limit: int) -> int:
    """Tokens of the window that are left for the prompt."""
    room: int = lm.max_length - limit
    if room <= 0 and lm.backend == "causal":
        raise BenchtuiError(
            f"The task generates up to {limit} tokens, and the model's window holds {lm.max_length} in all.",
            "Set max_length in the model's arguments if the model can read more, or a smaller max_gen_toks.",
        )
    return room


def _by_engine(
    lm: Any,
    engine: Engine,
    style: MaskStyle,
    requests: Sequence[Instance],
    jobs: Sequence[Job],
    prompt_lengths: Mapping[str, int],
    answered: Answered,
) -> None:
    backbone, capabilities = engine.backbone, engine.capabilities
    requested = RequestedBatch.of(
        lm.batch_size, max(len(job.prompt) + job.settings.limit for job in jobs), lm.memory_share
    )
    tokens, why = batching.token_budget(backbone, requested)
    rows, rows_why = batching.rows_at_once(backbone, requested, capabilities.cache_bytes_per_token)
    lm.observer.decision("batch", str(rows), rows_why)
    budget = TokenBudget(tokens, lm.observer, why)
    costs = batching.costs(backbone)
    setup = GenerationSetup(backbone, style, capabilities.shared_attention, costs, budget, rows, lm.observer)

    def completed(job: Job) -> None:
        context = requests[job.index].args[0]
        lm.observer.answer_facts((context,), _facts(lm, job, prompt_lengths[context]))
        answered(job.index, tokenization.generated_text(lm, job.tokens, job.settings.until), False)

    try:
        with torch.inference_mode():
            generate(setup, jobs, lambda job: requests[job.index].args, completed)
    except NotFiniteError as error:
        raise NotANumberError(request=requests[error.index].args) from error


def _facts(lm: Any, job: Job, prompt: int) -> AnswerFacts:
    ended = job.tokens[-1] in job.settings.eos or job.settings.stops.found(job.tokens)
    at_limit = not ended and not stops_inside(lm, job.tokens, job.settings.until)
    return AnswerFacts(prompt, prompt - len(job.prompt), len(job.tokens), at_limit)


def _by_lm_eval(lm: Any, requests: Sequence[Instance], indices: Sequence[int], answered: Answered) -> None:
    def method(part: list[int]) -> list[str]:
        texts: list[str] = HFLM.generate_until(lm, [requests[index] for index in part], disable_tqdm=True)
        return texts

    # As lm-eval does: settings apart, longest first. A call of the method is then one batch.
    by_settings: dict[str, list[int]] = {}
    for index in sorted(indices, key=lambda index: -len(lm.tok_encode(requests[index].args[0]))):
        by_settings.setdefault(repr(sorted(requests[index].args[1].items())), []).append(index)
    fallback = Fallback(lm, batching.rows_of_lm_eval(lm), lm.observer)
    for group in by_settings.values():
        rows = [[index] for index in group]
        fallback.run(method, rows, lambda index: requests[index].args, lambda index, text: answered(index, text, True))
