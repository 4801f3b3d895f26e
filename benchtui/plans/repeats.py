"""Several answers to each document: which tasks are asked so, and where that makes no sense."""

from __future__ import annotations

from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.settings.sampling import is_drawn
from benchtui.tasks.resolve import ResolvedTasks
from benchtui.text import one_line

_GENERATES = "generate_until"
"""lm-eval's output type of the tasks whose answers are drawn."""
_MOST_NAMED = 3


def repeats_note(choice: Choice, tasks: ResolvedTasks) -> str:
    """Say which tasks are answered how often; "" where each document is answered once.

    Raises UsageError where every answer to a document would be the same: the user's settings take the likeliest token,
    or no task generates text. Whether a task's own settings draw tokens is known once it is loaded.
    """
    if choice.repeats == 1:
        return ""
    once = [task for task, kind in tasks.output_types.items() if kind != _GENERATES]
    every = [task for leaves in tasks.leaves.values() for task in leaves]
    if len(once) == len(every):
        raise UsageError(
            f"--repeats {choice.repeats} has nothing to repeat: {_named(once)} {_verb(once)} for no text.",
            "Leave it out, or choose tasks that generate text.",
        )
    said = {name: choice.gen_kwargs[name] for name in ("do_sample", "temperature") if name in choice.gen_kwargs}
    if said and not is_drawn(choice.gen_kwargs):
        raise UsageError(
            f"--repeats {choice.repeats} would get {choice.repeats} equal answers to each sample: the generation "
            "settings take the likeliest token.",
            "Draw tokens with --temperature 0.7, or leave --repeats out.",
        )
    note = f"Each sample is answered {choice.repeats} times with other random numbers; its score is the mean."
    return f"{note} {_named(once)}: asked once (log-likelihoods are not drawn)." if once else note


def _named(tasks: list[str]) -> str:
    more = f" and {len(tasks) - _MOST_NAMED} more" if len(tasks) > _MOST_NAMED else ""
    return ", ".join(one_line(task, 60) for task in tasks[:_MOST_NAMED]) + more


def _verb(tasks: list[str]) -> str:
    return "asks" if len(tasks) == 1 else "ask"
