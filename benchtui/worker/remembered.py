"""Batch sizes that fitted once memory had run out, by model and kind of task, so that no night finds out again."""

from __future__ import annotations

from pathlib import Path

import msgspec
from platformdirs import user_state_path

from benchtui.runs.files import write_atomic
from benchtui.runs.plan import RunPlan

KEPT = 200


def _file() -> Path:
    return user_state_path("benchtui") / "batch-sizes.json"


def _key(plan: RunPlan, kind: str) -> str:
    return f"{plan.source.identity}|{plan.engine}|{plan.device}|{plan.prompts.dtype}|{plan.prompts.max_length}|{kind}"


def _read() -> dict[str, int]:
    try:
        return msgspec.json.decode(_file().read_bytes(), type=dict[str, int])
    except (OSError, msgspec.MsgspecError):
        return {}  # nothing remembered: the size is found out again, which is all this saves


def load(plan: RunPlan, kind: str) -> int | None:
    return _read().get(_key(plan, kind))


def store(plan: RunPlan, kind: str, size: int) -> None:
    """Remember `size`; forgets the oldest beyond KEPT. A state folder that cannot be written is left alone."""
    sizes = _read()
    sizes.pop(_key(plan, kind), None)
    sizes[_key(plan, kind)] = size
    newest = dict(list(sizes.items())[-KEPT:])
    try:
        write_atomic(_file(), msgspec.json.encode(newest))
    except OSError:
        return
