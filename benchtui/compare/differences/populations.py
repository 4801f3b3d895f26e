"""Words for what an interval is about: the samples that were asked, others of their kind, or other tasks."""

from __future__ import annotations

from collections.abc import Iterable

from benchtui.results.records import EarlyStop

OTHER_SAMPLES = "other samples of this kind"
TOO_FEW_TASKS = "too few tasks to speak of others"


def population(tasks: int, early: EarlyStop | None) -> str:
    """Return what a row's interval and test are about; `tasks` is how many a group has, 0 for a single task."""
    if early is not None and early.decision == "within":
        return f"these {early.total:,} samples"
    return f"these {tasks:,} tasks, other samples of them" if tasks else OTHER_SAMPLES


def about(what: str, titles: Iterable[tuple[str, str]]) -> str:
    """Return one sentence for several (population, title): "Intervals are about other samples of this kind
    (Maths); these 57 tasks, other samples of them (Knowledge)."; "" for none, and without titles where all are
    about the same."""
    told: dict[str, list[str]] = {}
    for words, title in titles:
        told.setdefault(words, []).append(title)
    if not told:
        return ""
    if len(told) == 1:
        return f"{what} are about {next(iter(told))}."
    each = [f"{words} ({', '.join(of)})" for words, of in told.items()]
    return f"{what} are about {'; '.join(each)}."
