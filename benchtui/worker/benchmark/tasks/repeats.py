"""Several answers to each document of a task: set where its own settings draw tokens, refused where they do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lm_eval.api.metrics import mean
from lm_eval.api.task import Task

from benchtui.errors import BenchtuiError, UsageError
from benchtui.results.repeats import majority_name, pass_name, pass_sizes
from benchtui.settings.sampling import is_drawn, without_effect
from benchtui.text import one_line

Aggregate = Callable[[Sequence[Any]], float]
Replaced = tuple[str, str, str]
"""A generation setting, its value, and in words what the task itself says of it."""


def check_generation(name: str, task: Task, said: Mapping[str, Any]) -> None:
    """Raise BenchtuiError for a generation setting of the task that lm-eval cannot read, and UsageError for one that
    the user `said` and that would change nothing."""
    settings: Mapping[str, Any] = task.get_config("generation_kwargs") or {}
    if "temperature" in settings and settings["temperature"] is None:
        raise BenchtuiError(
            f"Task {name} sets its temperature to null, which lm-eval cannot read.",
            "Correct the task, or give a number with --temperature.",
        )
    if idle := without_effect(said, settings):
        raise UsageError(
            f"{one_line(', '.join(idle), 200)} would change nothing: {name} takes the likeliest token.",
            "Draw tokens with --temperature 0.7, or with do_sample=true in --gen-kwargs; or leave it out.",
        )


def replaced_settings(task: Task, said: Mapping[str, Any]) -> tuple[Replaced, ...]:
    """Return what the user `said` of how answers are generated and the task says otherwise."""
    if task.get_config("output_type") != "generate_until":
        return ()
    own: Mapping[str, Any] = task.get_config("generation_kwargs") or {}
    return tuple(
        (name, _value(value), f"{_value(own[name])} in the task" if name in own else "the task does not say")
        for name, value in said.items()
        if name not in own or own[name] != value
    )


def _value(value: Any) -> str:
    return one_line(json.dumps(value, default=str), 60)


def ask_repeatedly(name: str, task: Task, repeats: int) -> None:
    """Have each document of a task answered `repeats` times. Scores that are means over documents are then means of
    means; what aggregates documents in another way gets all answers.

    Raises UsageError where the answers would be equal, or where the task repeats its requests by itself: then its
    filters say what is made of them.
    """
    own = task.get_config("repeats") or 1
    if own > 1:
        raise UsageError(
            f"Task {name} asks each sample {own} times by itself, and says what is made of the answers.",
            "Leave out --repeats for it.",
        )
    if not is_drawn(task.get_config("generation_kwargs") or {}):
        raise UsageError(
            f"--repeats {repeats} would get {repeats} equal answers to each sample: {name} takes the likeliest token.",
            "Draw tokens with --temperature 0.7, or leave --repeats out.",
        )
    task.set_config("repeats", repeats)
    aggregations = task.aggregation

    def aggregation() -> dict[str, Any]:
        found = dict(aggregations())
        more = [n for metric in found for n in (majority_name(metric, repeats), *_passes(metric, repeats))]
        whole = {metric: one if one is mean else over_all_answers(one) for metric, one in found.items()}
        return {**dict.fromkeys(more, mean), **whole}

    task.aggregation = aggregation


def _passes(metric: str, repeats: int) -> list[str]:
    return [pass_name(metric, k) for k in pass_sizes(repeats)]


def over_all_answers(aggregate: Aggregate) -> Aggregate:
    """Return what `aggregate` makes of all answers to all documents, where an item has the values of all answers to
    one: a score of a corpus, such as BLEU, is then that of the corpus of all answers."""

    def repeated(items: Sequence[Any]) -> float:
        return aggregate([value for item in items for value in item])

    return repeated
