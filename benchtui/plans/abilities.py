"""Whether a backend can give what the tasks ask for."""

from __future__ import annotations

import shlex

from benchtui.backends.access import Access
from benchtui.backends.backend import Ability, Backend
from benchtui.backends.registry import all_backends
from benchtui.errors import UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.layout import Kind, ModelFormat
from benchtui.models.served import ServedDescription
from benchtui.tasks.resolve import ResolvedTasks
from benchtui.text import one_line

_ABILITY: dict[str, Ability] = {
    "generate_until": "generate",
    "loglikelihood": "loglikelihood",
    "loglikelihood_rolling": "loglikelihood",
    "multiple_choice": "loglikelihood",
}
"""By lm-eval's output types."""
_WORDS: dict[Ability, str] = {"generate": "generated text", "loglikelihood": "log-likelihoods"}
_MOST_NAMED = 3


def check_abilities(
    backend: Backend, form: ModelFormat, model: ModelDescription, tasks: ResolvedTasks, access: Access
) -> None:
    """Raise UsageError where tasks ask for what `model` does not give by this backend, naming them, and a backend that
    opens the same files and does. Nothing has been asked by then.

    A task whose output type only its Python code knows is not judged.
    """
    gives = backend.gives_of(model, access)
    refused: dict[Ability, list[str]] = {}
    for task, output_type in tasks.output_types.items():
        ability = _ABILITY.get(output_type)
        if ability is not None and not gives.can(ability):
            refused.setdefault(ability, []).append(task)
    for ability, names in refused.items():
        reason = (
            f" ({one_line(gives.no_loglikelihood, 300)})"
            if ability == "loglikelihood" and gives.no_loglikelihood
            else ""
        )
        verb = "needs" if len(names) == 1 else "need"
        raise UsageError(
            f"{_named(names)} {verb} {_WORDS[ability]}; {_giver(backend, model)} gives none{reason}.",
            gives.instead
            if ability == "loglikelihood" and gives.instead
            else _next_step(backend, form, model, ability),
        )


def _named(tasks: list[str]) -> str:
    shown = [one_line(task, 100) for task in tasks[:_MOST_NAMED]]
    more = len(tasks) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _giver(backend: Backend, model: ModelDescription) -> str:
    if isinstance(model, ServedDescription):
        return f"the server ({one_line(model.product, 40)})"
    return f"the {backend.name} backend"


def _next_step(backend: Backend, form: ModelFormat, model: ModelDescription, ability: Ability) -> str:
    """Name a backend that opens the same files and gives it."""
    able = [other for other in all_backends() if other.can(ability) and other.name != backend.name]
    if isinstance(model, ServedDescription) and model.gguf is not None:
        kind: Kind = "gguf"
        if other := next((other for other in able if kind in other.takes), None):
            file = shlex.quote(one_line(model.gguf, 300))
            return f"Use --backend {other.name} --model {file}, which opens the same file."
    if other := next((other for other in able if form.kind in other.takes and not other.served), None):
        return f"Use --backend {other.name}, which opens the same files."
    return "Choose other tasks."
