"""Lists the trained models with everything that a list shows: base, last result, problems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.base import BaseChoice, named_base
from benchtui.models.discovery import discover
from benchtui.models.last_result import LastResult, last_result
from benchtui.models.layout import TrainedModel
from benchtui.models.selection import Loader, choose_format


@dataclass(frozen=True)
class ListedModel:
    """`base` is that of the format that would be benchmarked, None when nothing names it; `problems` are those of the
    folder and its formats, `warnings` those of the formats that can be used."""

    model: TrainedModel
    base: BaseChoice | None
    result: LastResult | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def list_models(outputs: Path, backend: Loader) -> list[ListedModel]:
    """List everything in `outputs`, newest first, as `backend` would load it. Raises as `discover` does."""
    return [_listed(model, backend) for model in discover(outputs)]


def _listed(model: TrainedModel, backend: Loader) -> ListedModel:
    result, problem = last_result(model.path)
    problems = model.all_problems + ((problem,) if problem else ())
    if not model.formats:
        return ListedModel(model, None, result, problems)
    try:
        form = choose_format(model, backend)
    except BenchtuiError:  # nothing usable: the problems say so; its base may still be shown
        form = model.formats[0]
    base, unreadable = named_base(model, form)
    warnings = tuple(words for words in unreadable if not any(words in problem for problem in problems))
    return ListedModel(model, base, result, problems, model.all_warnings + warnings)
