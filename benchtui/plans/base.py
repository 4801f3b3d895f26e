"""The base of a plan: found where the backend can load it, else the model is evaluated alone."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.backends.backend import Backend
from benchtui.errors import UsageError
from benchtui.models.base import FLAG, BaseChoice, named_base, resolve_base
from benchtui.models.describe import ModelDescription
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.plans.choice import Choice
from benchtui.text import one_line

_AGAINST_THE_LARGE_ONE = (
    "Both models are evaluated together, with nothing to compare with. To see what is lost against the large one, "
    "evaluate it by itself on the same tasks, benchtui run --model LARGE --no-base, and compare: "
    "benchtui compare RUN_OF_LARGE RUN_OF_BOTH"
)


@dataclass(frozen=True)
class WantedBase:
    """`choice` says which model it is, by the name that the backend describes it by; None for none, and `note` why."""

    choice: BaseChoice | None
    note: str = ""


def wanted_base(model: TrainedModel, form: ModelFormat, choice: Choice, backend: Backend) -> WantedBase:
    """Return the base that the model is compared with, or that it stands on. Call it where one is wanted.

    A base is named by the model's files, in Hugging Face's format. Where the backend loads no such models, only --base
    names one. Raises UsageError and BenchtuiError as `resolve_base` does.
    """
    if "hub" in backend.takes:
        found = resolve_base(model, form, choice.base, offline=choice.offline)
        return WantedBase(found, found.note)
    if choice.base is not None:
        return WantedBase(BaseChoice(choice.base, FLAG))
    early = "; --decide-early has nothing to decide" if choice.decide_early is not None else ""
    if "pair" in backend.takes:
        return WantedBase(None, f"{_AGAINST_THE_LARGE_ONE}{early}.")
    named = named_base(model, form)[0]
    base = f"its base ({one_line(named.name, 120)})" if named else "a base"
    takes = "NAME, which the server has too" if backend.served else "FILE.gguf"
    return WantedBase(
        None,
        f"The model is evaluated alone: the {backend.name} backend does not load {base}. Compare it with another one: "
        f"--base {takes}{early}.",
    )


def check_other(own: ModelDescription, base: ModelDescription) -> None:
    """Raise UsageError where the base is the model itself."""
    if base.name == own.name and not own.adapter:
        raise UsageError(
            f"--base names {one_line(own.name, 200)}, the model itself.", "Name another, or use --no-base."
        )
