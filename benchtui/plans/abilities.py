"""Whether a backend can give what the tasks ask for."""

from __future__ import annotations

from benchtui.backends.backend import Ability, Backend
from benchtui.backends.registry import all_backends
from benchtui.errors import UsageError
from benchtui.models.layout import ModelFormat
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


def check_abilities(backend: Backend, form: ModelFormat, tasks: ResolvedTasks) -> None:
    """Raise UsageError where a task asks for what `backend` does not give, naming a backend that loads `form` and does.

    A task whose output type only its Python code knows is not judged.
    """
    for task, output_type in tasks.output_types.items():
        ability = _ABILITY.get(output_type)
        if ability is None or backend.can(ability):
            continue
        able = [other.name for other in all_backends() if other.can(ability) and form.kind in other.takes]
        step = f"Use --backend {able[0]}, which opens the same files." if able else "Choose other tasks."
        raise UsageError(f"{one_line(task, 100)} needs {_WORDS[ability]}; the {backend.name} backend gives none.", step)
