"""How many sequences at once, advised before anything is loaded: the backend's own rule on the memory free now."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.backends.backend import BatchAdvice, Machine
from benchtui.backends.registry import find_backend
from benchtui.machine import free_memory
from benchtui.models.base import BaseChoice
from benchtui.models.layout import TrainedModel
from benchtui.models.selection import choose_format
from benchtui.plans.choice import Choice, access_of, backend_settings
from benchtui.settings.other_tools import MOST_GPUS


@dataclass(frozen=True)
class Suggestion:
    """`advice` is None where nothing is known; `model_decides` says that nothing can be: the loaded model decides."""

    advice: BatchAdvice | None = None
    model_decides: bool = False


def suggest_batch(choice: Choice, model: TrainedModel, base: BaseChoice | None) -> Suggestion:
    """Ask the backend, with the description of the model: an adapter has that of the `base` that it stands on.

    Asks the GPU's driver, which takes a moment. Raises BenchtuiError where the model cannot be described.
    """
    backend = find_backend(choice.backend)
    if "pair" in backend.takes:
        return Suggestion(model_decides=True)
    form = choose_format(model, backend, choice.format, allow_pickle=choice.permissions.pickle)
    place = form.location if not form.adapter else choice.base or (base.name if base else None)
    if form.hub_id or place is None:
        return Suggestion()
    described = backend.describe(place, access_of(choice, backend))
    settings = backend_settings(choice, backend)
    machine = Machine.of(choice.planned_device, _gpus(choice)) or Machine("cpu", free_memory())
    advice = backend.advise(described, machine, max_length=choice.max_length, settings=settings)
    return Suggestion(advice, model_decides=advice is None)


def _gpus(choice: Choice) -> int:
    """How many GPUs are to hold the model together, at most."""
    return MOST_GPUS if choice.model_parallel == "auto" else choice.model_parallel or 1
