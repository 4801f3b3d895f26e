"""The plan of a sweep: a small and a large model, their tasks, and every threshold that is asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from benchtui.errors import UsageError
from benchtui.models.source import hybrid
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.choice import Choice
from benchtui.plans.command import said_settings
from benchtui.routing.names import AUTO_THRESHOLDS
from benchtui.routing.rules import parse_threshold
from benchtui.routing.strategies import Strategy, strategy_of
from benchtui.settings.rows import ISOLATED
from benchtui.text import one_line

AUTO = "auto"
MOST = 200
"""Thresholds that can be asked for at once."""
_NOT_SAID = frozenset({"backend", "server", "threshold", "no-base", "base", "adapter-base"})
"""Settings that the command of a sweep settles itself."""


class SweepPlan(BenchmarkPlan, frozen=True, kw_only=True):
    """What a benchmark of both models holds, and the `thresholds` that are asked for: numbers, or quantiles like "p70"
    of the signals that the small model gives on the same task. Both models alone are always there too."""

    kind: str = "sweep"
    thresholds: tuple[float | str, ...] = ()

    @property
    def strategy(self) -> Strategy:
        """How the models answer at each threshold."""
        return strategy_of(self.backend_settings)

    @property
    def labels(self) -> tuple[str, str]:
        """What the small and the large model are called."""
        source = hybrid(self.source)
        small, large = (one_line(part.source.path.rstrip("/").rpartition("/")[2], 80) for part in source.parts)
        return small, large

    def score_settings(self) -> dict[str, Any]:
        """As `BenchmarkPlan.score_settings`: of every threshold."""
        found = super().score_settings()
        return {name: value for name, value in found.items() if name != "threshold"} | {
            "thresholds": list(self.thresholds)
        }


def sweep_plan(plan: BenchmarkPlan, thresholds: tuple[float | str, ...], command: tuple[str, ...]) -> SweepPlan:
    """Return the plan of sweeping over the `thresholds` what a benchmark's plan asks once."""
    fields = {field.name: getattr(plan, field.name) for field in msgspec.structs.fields(BenchmarkPlan)}
    return SweepPlan(**fields | {"kind": "sweep", "thresholds": thresholds, "command": command})


def sweep_command(choice: Choice, thresholds: str) -> tuple[str, ...]:
    """Return what does the same when typed, whatever benchtui.toml and the environment say."""
    words = [
        word
        for setting, value in said_settings(choice)
        if setting.name not in _NOT_SAID
        for word in setting.arguments(value)
    ]
    return ("benchtui", "hybrid", "sweep", ISOLATED, *words, "--thresholds", thresholds)


def read_thresholds(text: str) -> tuple[float | str, ...]:
    """Read thresholds that somebody typed: "0.3,0.5", "p10,p50", "auto". Both models alone (inf, -inf) are left out,
    since they are always there. Raises UsageError for what is none."""
    if text.strip().lower() == AUTO:
        return AUTO_THRESHOLDS
    found: dict[float | str, None] = {}
    for word in (part.strip() for part in text.split(",")):
        try:
            found.setdefault(parse_threshold(word))
        except ValueError as error:
            raise UsageError(
                f"--thresholds: {one_line(str(error))}.", "Give numbers, quantiles like p70, or auto."
            ) from None
    kept = tuple(each for each in found if each not in (float("inf"), float("-inf")))
    if not kept:
        raise UsageError("--thresholds names none between both models alone.", "Give for example 0.3,0.5,0.7, or auto.")
    if len(kept) > MOST:
        raise UsageError(f"--thresholds names {len(kept):,}, and at most {MOST} can be asked for.", "Name fewer.")
    return kept


def check_strategy(strategy: Strategy) -> None:
    """Raise UsageError for a strategy of which one pass does not tell every threshold, with what does."""
    if strategy.name == "defer":
        raise UsageError(
            "--strategy defer takes whole documents: two finished runs tell every threshold of it.",
            "Benchmark both models, then: benchtui hybrid defer RUN_SMALL RUN_LARGE",
        )
    if not strategy.has_threshold:
        raise UsageError(
            f"--strategy {strategy.name} goes by no threshold, so there is nothing to sweep over.",
            "Use benchtui hybrid run.",
        )
