"""From what the user chose to the plan of a comparison by token."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import msgspec

from benchtui.errors import UsageError
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.choice import backend_options, backend_settings
from benchtui.plans.prepare import new_bench_id
from benchtui.plans.shared_prompts import Prompted, shared_prompts
from benchtui.plans.shipped_texts import shipped_texts
from benchtui.plans.tasks import PlannedTasks
from benchtui.plans.token_choice import TokensChoice
from benchtui.plans.token_models import FoundModel, FoundModels
from benchtui.plans.tokens import (
    GivenText,
    GivenTexts,
    StoredAnswers,
    TaskReferences,
    TextSource,
    TokenModel,
    TokensPlan,
    reference_pairs,
)


def prepare_tokens(choice: TokensChoice, found: FoundModels, texts: TextSource | None) -> tuple[TokensPlan, list[str]]:
    """Make the plan of comparing the models that were `found` on `texts` (None: on benchtui's own prompts), and the
    notes that the user should know of.

    Raises UsageError and BenchtuiError where the models cannot be prompted alike, or need different Pythons.
    """
    settings = dataclasses.replace(choice.settings, compare=True)
    prompted = [Prompted(label, one.own, one.stands_on) for label, one in zip(found.labels, found.models, strict=True)]
    shots = max((task.num_fewshot or 0 for task in texts.tasks), default=0) if isinstance(texts, TaskReferences) else 0
    prompts, notes = shared_prompts(settings, prompted, shots=shots)
    if texts is None:
        texts = _shipped(choice, chat=prompts.chat_template is not None)
        notes.append(f"Texts: {texts.name}, {len(texts.texts)} of them (--answers, --tasks and --data name others).")
    elif isinstance(texts, StoredAnswers) or (isinstance(texts, GivenTexts) and not texts.chat):
        notes = []  # it is put on nothing: the prompts are there already
    own = choice.mode == "own"
    count = len(found.models)
    pairs = tuple(combinations(range(count), 2)) if choice.all_pairs else reference_pairs(count)
    plan = TokensPlan(
        model_name=found.owner.name,
        bench_id=new_bench_id(),
        created=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        device=settings.device,
        permissions=settings.permissions,
        offline=settings.offline or any(from_cache(one) for one in found.models),
        command=choice.command,
        python=one_python(found),
        models=tuple(token_model(label, one, prompts) for label, one in zip(found.labels, found.models, strict=True)),
        texts=texts,
        mode=choice.mode,
        pairs=() if own else pairs,
        keep=choice.keep or "hidden",
        top_k=choice.kept_top,
        keep_heads=choice.keep_heads,
        largest=choice.largest,
        sampling=msgspec.structs.replace(choice.sampling, seed=settings.seeds[2]),
        batch_size=settings.batch_size,
        experiment=choice.experiment,
    )
    return plan, [*found.notes, *notes]


def token_model(label: str, found: FoundModel, prompts: PromptSettings) -> TokenModel:
    """Return what the plan says of a model that was found, called `label` and prompted by `prompts`."""
    choice, backend = found.choice, found.backend
    return TokenModel(
        label=label,
        source=found.source(),
        prompts=prompts,
        backend=backend.name,
        backend_settings=backend_settings(choice, backend),
        backend_options=backend_options(choice, backend),
        backend_identity=backend.identity(found.access),
    )


def from_cache(found: FoundModel) -> bool:
    """Whether the hub was out of reach a moment ago: the worker should not wait for it."""
    return found.own.from_cache or (found.stands_on is not None and found.stands_on.from_cache)


def one_python(found: FoundModels) -> str | None:
    """Return the Python that the worker of all models runs in. Raises UsageError where they need several."""
    pythons = {one.access.environment.python: one.backend.name for one in found.models}
    if len(pythons) > 1:
        names = " and ".join(pythons.values())
        raise UsageError(
            f"One worker asks all models, and the backends {names} run in different Pythons.",
            "Name one that has both with --python.",
        )
    return next(iter(pythons))


# Texts that need no run.


def _shipped(choice: TokensChoice, *, chat: bool) -> GivenTexts:
    texts, limit = shipped_texts(chat=chat), choice.settings.limit
    count = len(texts.texts)
    if limit is not None:
        count = int(min(limit, count)) if limit >= 1 else max(round(limit * count), 1)
    return msgspec.structs.replace(texts, texts=texts.texts[:count])


def task_references(tasks: PlannedTasks, include_paths: Sequence[Path], lm_eval_version: str) -> TaskReferences:
    """Return the references of tasks that were planned, as texts to compare models on."""
    made_in = [task.file.parent for task in tasks.made]
    return TaskReferences(
        tasks=tasks.plans,
        task_files=dict(tasks.resolved.task_files),
        task_digests={name: tasks.resolved.digests[name] for name in tasks.resolved.leaves},
        leaves=dict(tasks.resolved.leaves),
        include_paths=tuple(dict.fromkeys(str(path.resolve()) for path in (*include_paths, *made_in))),
        data=tasks.data,
        lm_eval_version=lm_eval_version,
    )


def given_text(choice: TokensChoice) -> GivenTexts:
    """Return the prompt that was typed, with the text behind it."""
    assert choice.prompt is not None  # noqa: S101 - asked for only where there is one
    name = "a prompt" if choice.answer is None else "a prompt with an answer"
    return GivenTexts(name, (GivenText(choice.prompt, choice.answer or ""),), choice.chat)
