"""Writes what follows from a sweep as JSON, for scripts. Keys are only ever added."""

from __future__ import annotations

from typing import Any

import msgspec

from benchtui.compare.hybrid.conclusions import SweptConclusions, shares
from benchtui.reports.wording.hybrid import cost_sentence
from benchtui.text import json_text


def sweep_json(found: SweptConclusions) -> str:
    """Return the conclusions on every metric of every task; ends in a newline."""
    return json_text(sweep_record(found))


def sweep_record(found: SweptConclusions) -> dict[str, Any]:
    """Return the same as plain objects."""
    sweep = found.sweep
    tasks = []
    for task, of_metrics in found.tasks:
        metrics = [
            {**msgspec.to_builtins(each), "is_share": shares(metric)}
            for metric, each in zip(task.metrics, of_metrics, strict=True)
        ]
        tasks.append(
            {
                "task": task.task,
                "answers": task.answers,
                "likelihoods": task.likelihoods,
                "measures": task.measures,
                "documents": len(task.doc_ids),
                "metrics": metrics,
            }
        )
    return {
        "small": sweep.small,
        "large": sweep.large,
        "strategy": sweep.strategy,
        "defer_by": sweep.defer_by,
        "hold": sweep.hold,
        "seed": sweep.seed,
        "margin_points": found.margin,
        "tasks": tasks,
        "said_of_cost": cost_sentence(sweep),
        "notes": list(sweep.notes),
    }
