"""Reads what a training run recorded about itself: training_metrics.json, in lora/ or in the model folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchtui.models.layout import TrainingFacts
from benchtui.models.reading import Unreadable, read_json

METRICS = "training_metrics.json"
_OUTCOME = re.compile(
    r"timestamp|(^|_)(date|time|runtime|seconds|minutes|memory|vram)($|_)|(^|_)loss$|per_second|^output|run_name"
)
"""In the names of what a training found, or where and when it ran, and was not told."""


def read_training(files: Iterable[Path]) -> tuple[TrainingFacts, str]:
    """Read the facts in the first of `files` that exists; also returns what is wrong with it ("" when nothing)."""
    for path in files:
        try:
            return _facts(read_json(path)), ""
        except FileNotFoundError:
            continue
        except Unreadable as error:
            return TrainingFacts(), f"{path.parent.name}/{path.name} {error}"
    return TrainingFacts(), ""


def _facts(metrics: dict[str, Any]) -> TrainingFacts:
    return TrainingFacts(
        trained_on=_text(metrics.get("model_name")),
        dataset=_text(metrics.get("dataset_name")),
        dataset_samples=_count(metrics.get("dataset_samples")),
        steps=_count(metrics.get("total_steps")),
        epochs=_number(metrics.get("num_train_epochs")),
        final_loss=_number(metrics.get("final_loss")),
        lora_rank=_count(metrics.get("lora_rank")),
        lora_alpha=_number(metrics.get("lora_alpha")),
        learning_rate=_number(metrics.get("learning_rate")),
        seconds=_number(metrics.get("training_time_seconds")),
        finished=parse_moment(metrics.get("timestamp")) or parse_moment(metrics.get("trained_date"), "%Y%m%d_%H%M%S"),
        seed=_count(metrics.get("seed")),
        recipe=_recipe(metrics),
    )


def _recipe(metrics: dict[str, Any]) -> str:
    """Return a digest of what a training was told; "" where it does not say at least base, data and learning rate."""
    if not all(metrics.get(name) for name in ("model_name", "dataset_name", "learning_rate")):
        return ""
    told = {name: value for name, value in sorted(metrics.items()) if name != "seed" and not _OUTCOME.search(name)}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _text(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53 else None


def parse_moment(value: Any, form: str = "") -> dt.datetime | None:
    """Parse a time, as local time when the text names no zone; None for what is no time or lies outside what clocks
    show."""
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.strptime(value, form) if form else dt.datetime.fromisoformat(value)  # noqa: DTZ007
        moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return moment if 1990 <= moment.year <= 2200 else None
