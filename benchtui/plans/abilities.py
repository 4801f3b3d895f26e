"""Whether a backend can give what the tasks ask for."""

from __future__ import annotations

import shlex
from collections.abc import Callable

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
            else _next_step(backend, form.kind, model, _giving(ability)) or "Choose other tasks.",
        )


def check_distributions(
    backend: Backend, form: ModelFormat | None, model: ModelDescription, access: Access, *, writes: bool
) -> None:
    """Raise UsageError where `backend` does not tell the distribution of a next token of `model`, or where the model
    shall write (`writes`) and it gives no text, naming a backend that does. Nothing has been asked by then."""
    gives = backend.gives_of(model, access)
    if writes and not gives.generate:
        raise UsageError(
            f"{_giver(backend, model)} gives no generated text, which --mode own needs.", "Use --mode given."
        )
    if gives.distributions != "none":
        return
    reason = f" ({one_line(gives.no_loglikelihood, 300)})" if gives.no_loglikelihood else ""
    kind: Kind = form.kind if form is not None else "hub"
    raise UsageError(
        f"{one_line(model.name, 200)}: {_giver(backend, model)} tells nothing of the other tokens that could have come "
        f"next{reason}.",
        gives.instead
        or _next_step(backend, kind, model, lambda other: other.gives.distributions != "none")
        or "Compare models whose weights are on this machine.",
    )


def check_writes(backend: Backend, model: ModelDescription, access: Access) -> None:
    """Raise UsageError where `model` writes no text by this backend."""
    if not backend.gives_of(model, access).generate:
        raise UsageError(
            f"{one_line(model.name, 200)}: {_giver(backend, model)} gives no generated text.", "Use another backend."
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


def _giving(ability: Ability) -> Callable[[Backend], bool]:
    return lambda backend: backend.can(ability)


def _next_step(backend: Backend, opened: Kind, model: ModelDescription, can: Callable[[Backend], bool]) -> str:
    """Name a backend that opens the same files and `can` give what is needed; "" where there is none."""
    able = [other for other in all_backends() if can(other) and other.name != backend.name]
    file = model.gguf if isinstance(model, ServedDescription) else None
    if file is not None and (other := next((other for other in able if "gguf" in other.takes), None)):
        return f"Use --backend {other.name} --model {shlex.quote(one_line(file, 300))}, which opens the same file."
    if other := next((other for other in able if opened in other.takes and not other.served), None):
        return f"Use --backend {other.name}, which opens the same files."
    return ""
