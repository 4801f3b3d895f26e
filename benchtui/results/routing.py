"""Two models that answered a run together, as its result file tells it beside the scores."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict

from benchtui.errors import UsageError
from benchtui.models.source import HybridSource
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.routing.answers import RoutedFacts, Work, together
from benchtui.routing.names import StrategyName
from benchtui.routing.strategies import strategy_of


class RoutedPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the two models: its place, the backend that loaded it, and the size on disk of the files with its
    weights, None where they are not on this machine."""

    model: str
    backend: str = ""
    bytes_on_disk: int | None = None

    @property
    def name(self) -> str:
        """Its hub id, or the name of its folder or file."""
        return Path(self.model).name if Path(self.model).is_absolute() else self.model


class RoutedRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """How two models answered together.

    `threshold` is what was asked for, a number or a quantile, None for a strategy that goes by none; `settled` has the
    numbers that a quantile came to, by leaf task. `tasks` has, by
    leaf task, what both did for all of its answers that are in the journal, whatever worker gave them; a task is
    missing where one model answered it alone, as it does in a run of its own.
    """

    small: RoutedPart
    large: RoutedPart
    strategy: StrategyName
    threshold: float | str | None = None
    drafts: int | str | None = None
    tasks: dict[str, RoutedFacts] = {}
    settled: dict[str, float] = {}

    @property
    def all(self) -> RoutedFacts:
        """What both did in all tasks."""
        return together(self.tasks.values())


def planned(plan: BenchmarkPlan) -> RoutedRun | None:
    """Return how two models are to answer by a plan; None for a plan of one model, or settings that mean nothing."""
    if not isinstance(plan.source, HybridSource):
        return None
    try:
        strategy = strategy_of(plan.backend_settings)
    except UsageError:
        return None
    return RoutedRun(
        RoutedPart(plan.source.small.source.path, plan.source.small.backend),
        RoutedPart(plan.source.large.source.path, plan.source.large.backend),
        strategy.name,
        strategy.threshold if strategy.has_threshold else None,
        strategy.drafts if strategy.name == "speculative" else None,
    )


def shares(facts: RoutedFacts) -> tuple[int, int]:
    """Return how many tokens were written, or scored, by the small and by the large model."""
    return facts.small.chosen, facts.large.chosen


def costs(tasks: Collection[RoutedFacts]) -> dict[str, Any]:
    """Return what both models did in some tasks, by name, as result files and exports tell it. Tokens per second are
    those of the tasks whose calls were all timed."""
    facts = together(tasks)
    found: dict[str, Any] = {"small": asdict(facts.small), "large": asdict(facts.large)}
    if facts.drafted:
        found |= {"drafted": facts.drafted, "accepted": facts.accepted}
    timed = together(part for part in tasks if _timed(part.small) and _timed(part.large))
    seconds = timed.small.seconds + timed.large.seconds
    return found | {"tokens_per_second": sum(shares(timed)) / seconds if seconds else None}


def _timed(work: Work) -> bool:
    return work.seconds > 0 or not work.calls


def told(routing: RoutedRun) -> dict[str, Any]:
    """Return all of it by name, as exports and benchmark.json tell it."""
    facts: dict[str, Any] = msgspec.to_builtins(routing)
    return facts | {
        "costs": costs(routing.tasks.values()),
        "tasks": {name: costs([part]) for name, part in routing.tasks.items()},
    }
