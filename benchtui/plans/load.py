"""The plan of a model that is loaded by itself, without tasks: from Python, to be asked whatever one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchtui.backends.registry import find_backend
from benchtui.models.source import Source
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat_template import chat_template, prompt_settings
from benchtui.plans.choice import Choice, access_of, backend_options, backend_settings
from benchtui.plans.plan import Permissions
from benchtui.plans.prepare import check_code, describe_model, loading_base, with_tokenizer_of
from benchtui.plans.tokenizer import choose_form


@dataclass(frozen=True)
class LoadPlan:
    """All that says how a model is loaded and asked (the worker's `ModelPlan`)."""

    backend: str
    source: Source
    prompts: PromptSettings
    device: str = "auto"
    batch_size: int | Literal["auto"] = "auto"
    permissions: Permissions = field(default_factory=Permissions)
    backend_settings: Mapping[str, str] = field(default_factory=dict)
    backend_options: Mapping[str, str] = field(default_factory=dict)


def loading_choice(model: str | Path | None, backend: str, outputs: Path, settings: Mapping[str, Any]) -> Choice:
    """Return what a choice is that loads a model by settings as they are named in Python, the backend's own among them.
    Raises TypeError for a setting that there is not."""
    own = {setting.name.replace("-", "_") for setting in find_backend(backend).settings}
    more = {name: value for name, value in settings.items() if name in own}
    named = {name: value for name, value in settings.items() if name not in own}
    wanted = None if model is None else str(model)
    return Choice(outputs, model=wanted, compare=False, backend=backend, more=more, **named)


def plan_load(choice: Choice) -> LoadPlan:
    """Settle how the model that `choice` names is loaded: its format, what an adapter is put on, its chat template.

    What `choice` says of tasks is not looked at. Raises BenchtuiError or UsageError naming what is missing and the next
    step.
    """
    backend = find_backend(choice.backend)
    access = access_of(choice, backend)
    backend.check(access)
    check_code(choice, backend)
    model = backend.find(choice.outputs, choice.model, access)
    form = choose_form(choice, model, backend)
    own = with_tokenizer_of(describe_model(form.location, choice, backend), form)
    base = loading_base(model, form, own, choice, backend)
    chosen = chat_template(choice, own, base)
    return LoadPlan(
        backend.name,
        backend.source(form, own, base, access),
        prompt_settings(choice, chosen, {}, None),
        choice.device,
        choice.batch_size,
        choice.permissions,
        backend_settings(choice, backend),
        backend_options(choice, backend),
    )
