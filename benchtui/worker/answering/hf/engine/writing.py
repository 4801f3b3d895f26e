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
from benchtui.worker.answering.hf.engine import prompts, sizing
from benchtui.worker.answering.hf.engine.budget import TokenBudget
from benchtui.worker.answering.hf.engine.choosing import Job, NotFiniteError, Recipe, random_for
from benchtui.worker.answering.hf.engine.counting import stops_inside
from benchtui.worker.answering.hf.engine.engine import Engine
from benchtui.worker.answering.hf.engine.fallback import Fallback
from benchtui.worker.answering.hf.engine.generation import Workshop, generate
from benchtui.worker.answering.hf.engine.masks import MaskStyle
from benchtui.worker.answering.hf.engine.recipes import Recipes, UnusualSettings
from benchtui.worker.not_a_number import NotANumberError

# Index, text, and whether lm-eval's own code has filed it with the cache hook already.
Answered = Callable[[int, str, bool], None]


def write(lm: Any, engine: Engine, requests: Sequence[Instance], answered: Answered) -> None:
    """Answer every request.

    Raises `BenchtuiError` where more tokens are asked for than the window holds, `OutOfMemory` when one request alone
    does not fit.
    """
    for settings in {repr(request.args[1]): request.args[1] for request in requests}.values():
        _room(lm, int(normalize_gen_kwargs(settings, lm.max_gen_toks)["max_gen_toks"]))
    style = engine.capabilities.steps
    jobs, whole = _jobs(lm, engine, requests) if style is not None else ([], {})
    if style is not None and jobs:
        _by_rows(lm, engine, style, requests, jobs, whole, answered)
    begun = {job.index for job in jobs}
    slow = [index for index in range(len(requests)) if index not in begun]
    if slow:
        _by_lm_eval(lm, requests, slow, answered)


def _jobs(lm: Any, engine: Engine, requests: Sequence[Instance]) -> tuple[list[Job], dict[str, int]]:
    """The requests that the engine can generate for, and the length of each prompt before it is cut; the observer is
    told why the others are left out."""
    eos = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
    recipes = Recipes(engine.backbone.causal, lm.tokenizer, eos, lm.max_gen_toks)
    read: dict[str, Recipe | None] = {}
    encoded = prompts.encoded_prompts(lm, (request.args[0] for request in requests))
    seen: Counter[tuple[str, str]] = Counter()
    jobs = []
    for index, request in enumerate(requests):
        context, settings = request.args
        name = repr(sorted(settings.items()))
        if name not in read:
            read[name] = _recipe(lm, recipes, settings)
        recipe = read[name]
        chance = random_for(torch.initial_seed(), context, settings, seen[context, name])
        seen[context, name] += 1
        if recipe is None:
            continue
        prompt = encoded[context][-_room(lm, recipe.reserved) :]
        if prompt and len(prompt) + recipe.limit <= engine.capabilities.longest:
            jobs.append(Job(index, np.asarray(prompt, dtype=np.int32), recipe, chance))
    return jobs, prompts.whole_lengths(lm, encoded)


def _recipe(lm: Any, recipes: Recipes, settings: dict[str, Any]) -> Recipe | None:
    try:
        return recipes.read(settings)
    except UnusualSettings as unusual:
        lm.observer.decision("generation", "lm-eval's own", str(unusual))
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


def _by_rows(
    lm: Any,
    engine: Engine,
    style: MaskStyle,
    requests: Sequence[Instance],
    jobs: Sequence[Job],
    whole: Mapping[str, int],
    answered: Answered,
) -> None:
    backbone, capabilities = engine.backbone, engine.capabilities
    asked = sizing.asked(lm.batch_size, max(len(job.prompt) + job.recipe.limit for job in jobs), lm.memory_share)
    tokens, why = sizing.token_budget(backbone, asked)
    rows, rows_why = sizing.rows_side_by_side(backbone, asked, capabilities.kept_bytes)
    lm.observer.decision("batch", str(rows), rows_why)
    budget = TokenBudget(tokens, lm.observer, why)
    costs = sizing.costs(backbone)
    workshop = Workshop(backbone, style, capabilities.in_common, costs, budget, rows, lm.observer)

    def completed(job: Job) -> None:
        context = requests[job.index].args[0]
        lm.observer.answer_facts((context,), _facts(lm, job, whole[context]))
        answered(job.index, prompts.generated_text(lm, job.tokens, job.recipe.until), False)

    try:
        with torch.inference_mode():
            generate(workshop, jobs, lambda job: requests[job.index].args, completed)
    except NotFiniteError as error:
        raise NotANumberError(request=requests[error.index].args) from error


def _facts(lm: Any, job: Job, prompt: int) -> AnswerFacts:
    ended = job.tokens[-1] in job.recipe.eos or job.recipe.stops.found(job.tokens)
    at_limit = not ended and not stops_inside(lm, job.tokens, job.recipe.until)
    return AnswerFacts(prompt, prompt - len(job.prompt), len(job.tokens), at_limit)


def _by_lm_eval(lm: Any, requests: Sequence[Instance], indices: Sequence[int], answered: Answered) -> None:
    def method(part: list[int]) -> list[str]:
        texts: list[str] = HFLM.generate_until(lm, [requests[index] for index in part], disable_tqdm=True)
        return texts

    # As lm-eval does: settings apart, longest first. A call of the method is then one batch.
    by_settings: dict[str, list[int]] = {}
    for index in sorted(indices, key=lambda index: -len(lm.tok_encode(requests[index].args[0]))):
        by_settings.setdefault(repr(sorted(requests[index].args[1].items())), []).append(index)
    fallback = Fallback(lm, sizing.rows_of_lm_eval(lm), lm.observer)
    for group in by_settings.values():
        rows = [[index] for index in group]
        fallback.run(method, rows, lambda index: requests[index].args, lambda index, text: answered(index, text, True))
