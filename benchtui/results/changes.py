"""Reads from a model's benchmark.json how many samples changed side in its comparison, to plan the next one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchtui.files import BENCHMARKS
from benchtui.models.last_result import SUMMARY_FILE
from benchtui.models.reading import MAX_INDEX, Unreadable, read_json

FEWEST = 30
"""With fewer samples the share that changed side is too uncertain to plan with."""


@dataclass(frozen=True)
class EarlierChanges:
    """`changed` of `n` paired samples of a task changed side; None where its scores are not right or wrong. The task
    has `total` samples. `spread` is the standard deviation of the true change between the tasks of a group (shares),
    None for what is no group."""

    n: int
    total: int
    changed: int | None
    spread: float | None = None


def earlier_changes(model: Path) -> Mapping[str, EarlierChanges]:
    """Return the changes by task; empty where the model has no readable benchmark.json with a comparison."""
    try:
        summary = read_json(model / BENCHMARKS / SUMMARY_FILE, MAX_INDEX)
    except (FileNotFoundError, Unreadable):
        return {}
    compared = summary.get("comparison") if isinstance(summary, dict) else None
    rows = {name: row for name, row in compared.items() if isinstance(row, dict)} if isinstance(compared, dict) else {}
    found = {}
    for name, row in rows.items():
        n, total = _paired(row), _total(row)
        if n > 0 and total is not None:
            parts = [part for key, part in rows.items() if key.startswith(f"{name}_") and part.get("level") == "part"]
            found[name] = EarlierChanges(n, total, _changed(row), _spread(parts, n))
    return found


def with_samples(earlier: Mapping[str, EarlierChanges], samples: Mapping[str, int]) -> Mapping[str, EarlierChanges]:
    """Return `earlier` with the samples of tasks as they were counted now, whatever a comparison said of them."""
    nothing = EarlierChanges(0, 0, None)
    return {**earlier, **{task: replace(earlier.get(task, nothing), total=n) for task, n in samples.items()}}


def _total(row: Mapping[str, Any]) -> int | None:
    side = row.get("fine_tuned")
    total = side.get("total") if isinstance(side, dict) else None
    return total if isinstance(total, int) else None


def _changed(row: Mapping[str, Any]) -> int | None:
    flips = row.get("flips")
    counts = [flips.get("fixed"), flips.get("broken")] if isinstance(flips, dict) else []
    whole = [count for count in counts if isinstance(count, int)]
    return sum(whole) if len(whole) == 2 else None


def _spread(parts: list[dict[str, Any]], n: int) -> float | None:
    """Compute the spread of the changes of a group's tasks beyond what their samples give by chance: the method of
    moments of R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7, 1986, with
    equal weights for tasks. Of `parts` the small ones are tasks, until they have the group's `n` samples; the others
    are groups again."""
    moved, chance, left = list[float](), list[float](), n
    for part in sorted(parts, key=_paired):
        size, value, changed = _paired(part), part.get("paired_delta"), _changed(part)
        if left <= 0 or size < 2 or not isinstance(value, float | int) or changed is None:
            break
        left -= size
        moved.append(float(value))
        chance.append((changed / size - value**2) / (size - 1))
    if left != 0 or len(moved) < 3:
        return None
    return math.sqrt(max(0.0, float(np.var(moved, ddof=1)) - float(np.mean(chance))))


def _paired(row: Mapping[str, Any]) -> int:
    n = row.get("paired_n")
    return n if isinstance(n, int) else 0
