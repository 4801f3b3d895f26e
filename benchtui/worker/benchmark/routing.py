"""What result files tell of two models that answered a run together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from benchtui.models.source import HybridSource
from benchtui.models.stored import stored_weights
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.routing import RoutedRun, costs, planned, shares
from benchtui.routing.answers import RoutedFacts
from benchtui.routing.rules import Settled
from benchtui.worker.benchmark.context import Outcome


def routing_of(
    plan: BenchmarkPlan, tasks: Mapping[str, RoutedFacts], thresholds: Mapping[str, Settled]
) -> RoutedRun | None:
    """Return how the two models of a plan answered, `tasks` and `thresholds` by leaf task; None for a plan of one
    model."""
    routing = planned(plan)
    if routing is None or not isinstance(plan.source, HybridSource):
        return None
    return replace(
        routing,
        small=replace(routing.small, bytes_on_disk=stored_weights(plan.source.small.source)),
        large=replace(routing.large, bytes_on_disk=stored_weights(plan.source.large.source)),
        tasks=dict(tasks),
        settled={name: settled.value for name, settled in thresholds.items()},
    )


def seed_metadata(plan: BenchmarkPlan, outcome: Outcome, routing: RoutedRun) -> dict[str, Any]:
    """Return the object "metadata" that eval_hybrid.py adds to lm-eval's results, with the costs of each model below
    its keys. What differs between tasks (num_fewshot, limit) is None there."""
    facts = outcome.model.facts
    small, large = shares(routing.all)
    written = sum(health.tokens or 0 for health in outcome.health.values())
    if not routing.tasks:  # one of them answered alone, and only texts are counted
        small, large = (written, 0) if routing.strategy == "small" else (0, written)
    steps = routing.all.large.calls if routing.strategy == "speculative" else written
    return {
        "slm_model_id": routing.small.model,
        "llm_model_id": routing.large.model,
        "strategy": routing.strategy,
        "threshold": routing.threshold,
        **({"threshold_by_task": routing.settled} if routing.settled else {}),
        "num_drafts": routing.drafts,
        "use_slm_only": routing.strategy == "small",
        "device": facts.get("device"),
        "dtype": facts.get("dtype"),
        "tasks": [task.name for task in plan.tasks],
        "num_fewshot": _common({task.num_fewshot for task in plan.tasks}),
        "batch_size": plan.batch_size,
        "limit": _common({task.limit for task in plan.tasks}),
        "apply_chat_template": plan.prompts.chat_template is not None,
        "timestamp": dt.datetime.fromtimestamp(outcome.started, dt.UTC).astimezone().isoformat(),
        "report_routing_metrics": True,
        "report_content": False,
        "routing_metrics": {
            "slm_tokens": small,
            "llm_tokens": large,
            "total_tokens": small + large,
            "decode_steps": steps,
        },
        "costs": costs(routing.tasks.values()),
        "costs_by_task": {name: costs([part]) for name, part in routing.tasks.items()},
        "bytes_on_disk": {"small": routing.small.bytes_on_disk, "large": routing.large.bytes_on_disk},
    }


def _common(values: set[Any]) -> Any:
    return values.pop() if len(values) == 1 else None
