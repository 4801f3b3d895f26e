"""What an interval is about: the samples that were asked, others of their kind, or other tasks. In words, once."""

from __future__ import annotations

from benchtui.results.records import EarlyStop

OTHER_SAMPLES = "other samples of this kind"
TOO_FEW_TASKS = "too few tasks to speak of others"


def population(tasks: int, early: EarlyStop | None) -> str:
    """What a row's interval and test are about; `tasks` is how many a group has, 0 for a single task."""
    if early is not None and early.decision == "within":
        return f"these {early.total:,} samples"
    return f"these {tasks:,} tasks, other samples of them" if tasks else OTHER_SAMPLES
