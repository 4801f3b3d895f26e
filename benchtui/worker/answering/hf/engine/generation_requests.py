"""Generate requests to texts: by the engine where it can, by lm-eval where it cannot."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchtui.worker.answering.fed import Fed, made_of, take_all
from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.attention import MaskStyle
from benchtui.worker.answering.hf.engine.batching import RequestedBatch, TokenBudget
from benchtui.worker.answering.hf.engine.capabilities import Engine
from benchtui.worker.answering.hf.engine.fallback import Fallback
from benchtui.worker.answering.hf.engine.generation import GenerationSetup, generate
from benchtui.worker.answering.hf.engine.generation_settings import (
    GenerationSettings,
    SettingsReader,
    UnsupportedSettings,
)
from benchtui.worker.answering.hf.engine.sampling import Job, NotFiniteError
from benchtui.worker.answering.protocol import Finish, Generated, GenerateRequest, Observer, Written
from benchtui.worker.not_a_number import NotANumberError

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel


def write(
    lm: HFModel, engine: Engine, requests: Sequence[GenerateRequest], answered: Written, observer: Observer
) -> None:
    """Answer every request, and those that come while it does (`Fed`). Raises `OutOfMemoryError` when one request alone
    does not fit."""
    jobs: Sequence[Job] = []
    if (style := engine.capabilities.decode_masks) is not None:
        maker = _JobMaker(lm, engine, observer)
        jobs = made_of(requests, maker.jobs)
        if not jobs:
            take_all(requests)  # as below
            jobs = maker.jobs(requests[maker.seen :])
        if jobs:
            _by_engine(lm, engine, style, requests, jobs, answered, observer)
    if not jobs:
        take_all(requests)  # lm-eval's own code takes no more once it has begun
    taken = {job.index for job in jobs}
    slow = [index for index in range(len(requests)) if index not in taken]
    if slow:
        _by_lm_eval(lm, requests, slow, answered, observer)


class _JobMaker:
    """Makes jobs of the requests that the engine can generate for, `seen` so far; the observer is told why others are
    left out."""

    def __init__(self, lm: HFModel, engine: Engine, observer: Observer) -> None:
        eos = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
        self._reader = SettingsReader(engine.backbone.causal, lm.tokenizer, eos, lm.max_gen_toks)
        self._longest = engine.capabilities.longest
        self._observer = observer
        self._read: dict[str, GenerationSettings | None] = {}
        self.seen = 0

    def jobs(self, requests: Sequence[GenerateRequest]) -> list[Job]:
        """The jobs of further requests, which are numbered behind those before them."""
        found = []
        for index, request in enumerate(requests, self.seen):
            name = _name(request.settings)
            if name not in self._read:
                self._read[name] = _settings(self._reader, request.settings, self._observer)
            settings, prompt = self._read[name], request.prompt[request.lost :]
            if settings is not None and prompt and len(prompt) + settings.limit <= self._longest:
                chance = random.Random(request.seed.to_bytes(32, "big"))  # noqa: S311  # not for secrets
                found.append(Job(index, np.asarray(prompt, dtype=np.int32), settings, chance))
        self.seen += len(requests)
        return found


def _name(settings: Mapping[str, Any]) -> str:
    return repr(sorted(settings.items()))


def _settings(reader: SettingsReader, asked: Mapping[str, Any], observer: Observer) -> GenerationSettings | None:
    try:
        return reader.read(asked)
    except UnsupportedSettings as reason:
        observer.decision("generation", "lm-eval's own", str(reason))
        return None


def _by_engine(
    lm: HFModel,
    engine: Engine,
    style: MaskStyle,
    requests: Sequence[GenerateRequest],
    jobs: Sequence[Job],
    answered: Written,
    observer: Observer,
) -> None:
    backbone, capabilities = engine.backbone, engine.capabilities
    requested = RequestedBatch.of(
        lm.batch_size, max(len(job.prompt) + job.settings.limit for job in jobs), lm.memory_share
    )
    tokens, why = batching.token_budget(backbone, requested)
    free = batching.free_for_caches(backbone)

    def rows_of(longest: int) -> tuple[int, str]:
        wanted = replace(requested, longest=longest)
        return batching.rows_at_once(backbone, wanted, capabilities.cache_bytes_per_token, free)

    rows, rows_why = rows_of(requested.longest)
    observer.decision("batch", str(rows), rows_why)
    budget = TokenBudget(tokens, observer, why)
    costs = batching.costs(backbone)
    setup = GenerationSetup(
        backbone,
        style,
        capabilities.shared_attention,
        costs,
        budget,
        rows,
        lambda longest: rows_of(longest)[0],
        observer,
    )

    def completed(job: Job) -> None:
        answered(job.index, Generated(lm.tok_decode(job.tokens), job.tokens, _finish(job)))

    try:
        with torch.inference_mode():
            arriving = jobs.more if isinstance(jobs, Fed) else None
            generate(setup, list(jobs), lambda job: requests[job.index].args, completed, arriving)
    except NotFiniteError as error:
        raise NotANumberError(request=requests[error.index].args) from error


def _finish(job: Job) -> Finish:
    if job.tokens[-1] in job.settings.eos:
        return "end"
    return "stop" if job.settings.stops.found(job.tokens) else "length"


def _by_lm_eval(
    lm: HFModel, requests: Sequence[GenerateRequest], indices: Sequence[int], answered: Written, observer: Observer
) -> None:
    # As lm-eval does: settings apart, longest first. A call of the method is then one batch.
    by_settings: dict[str, list[int]] = {}
    for index in sorted(indices, key=lambda index: -len(requests[index].prompt)):
        by_settings.setdefault(_name(requests[index].settings), []).append(index)
    fallback = Fallback(lm, batching.rows_of_lm_eval(lm), observer)
    for group in by_settings.values():
        fallback.run(
            lambda part: lm.generate_by_lm_eval([requests[index] for index in part]),
            [[index] for index in group],
            lambda index: requests[index].args,
            answered,
        )
