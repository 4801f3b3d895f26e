"""Reads the result of a model's last benchmark from its benchmarks/benchmark.json, for a line in a list."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.errors import MADE_BY_NEWER
from benchtui.models.reading import MAX_INDEX, Unreadable, read_json
from benchtui.models.training import parse_moment

SUMMARY_FILE, SUMMARY_SCHEMA = "benchmark.json", 1


@dataclass(frozen=True)
class TaskResult:
    """Scores as in the file, on lm-eval's scale (accuracy 0..1); `base` is None when no base was run. Either score is
    None when it is not a number."""

    task: str
    metric: str | None
    base: float | None
    fine_tuned: float | None
    n: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class LastResult:
    tasks: tuple[TaskResult, ...]
    when: dt.datetime | None


def last_result(model_path: Path) -> tuple[LastResult | None, str]:
    """Return the last result of the model at `model_path` (None when there is none) and the problem with the file."""
    path = model_path / "benchmarks" / SUMMARY_FILE
    try:
        summary = read_json(path, MAX_INDEX)
    except FileNotFoundError:
        return None, ""
    except Unreadable as error:
        return None, f"benchmarks/benchmark.json {error}"
    if is_newer(summary):
        return None, f"benchmarks/benchmark.json was {MADE_BY_NEWER}"
    comparison = summary.get("comparison")
    tasks = tuple(_compared(comparison)) if isinstance(comparison, dict) else ()
    if not tasks:
        fine_tuned = summary.get("fine_tuned_model")
        results = fine_tuned.get("results") if isinstance(fine_tuned, dict) else None
        counts = fine_tuned.get("tasks") if isinstance(fine_tuned, dict) else None
        tasks = tuple(_alone(results, counts if isinstance(counts, dict) else {})) if isinstance(results, dict) else ()
    return (LastResult(tasks, parse_moment(summary.get("timestamp"))) if tasks else None), ""


def is_newer(summary: dict[str, Any]) -> bool:
    """Return whether a benchmark.json was written in a newer format, which may mean something else."""
    version = summary.get("schema_version")
    return isinstance(version, int) and version > SUMMARY_SCHEMA


def newer_summary(path: Path) -> str | None:
    """Return which newer benchtui made the benchmark.json at `path`, in words; "" where none did."""
    try:
        return MADE_BY_NEWER if is_newer(read_json(path, MAX_INDEX)) else None
    except (FileNotFoundError, Unreadable):
        return None


def _compared(comparison: dict[str, Any]) -> list[TaskResult]:
    found = []
    for task, entry in comparison.items():
        if not isinstance(entry, dict) or "finetuned_accuracy" not in entry:
            continue
        tuned = _number(entry["finetuned_accuracy"])
        if tuned is None and entry["finetuned_accuracy"] is not None:
            continue
        side = entry.get("fine_tuned")
        metric = entry.get("metric")
        found.append(
            TaskResult(
                task,
                metric if isinstance(metric, str) else None,
                _number(entry.get("base_accuracy")),
                tuned,
                _count(entry.get("n")),
                _count(side.get("total")) if isinstance(side, dict) else None,
            )
        )
    return found


def _alone(results: dict[str, Any], counts: dict[str, Any]) -> list[TaskResult]:
    """Return the first score of each task in lm-eval's own results."""
    found = []
    for task, metrics in results.items():
        if not isinstance(metrics, dict):
            continue
        for metric, value in metrics.items():
            number = _number(value)
            if number is not None and "," in metric and "_stderr," not in metric:
                count = counts.get(task)
                n, total = (
                    (_count(count.get(key)) for key in ("n", "total")) if isinstance(count, dict) else (None, None)
                )
                found.append(TaskResult(task, metric, None, number, n, total))
                break
    return found


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
