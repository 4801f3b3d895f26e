"""Cache of batch sizes that fitted after an out-of-memory error, by model and kind of task."""

from __future__ import annotations

from pathlib import Path

import msgspec
from platformdirs import user_state_path

from benchtui.backends.hf import engine_of
from benchtui.files import write_atomic
from benchtui.worker.answering.protocol import ModelPlan

KEPT = 200
_SHARE = "memory share"


def batch_size(plan: ModelPlan, kind: str) -> int | None:
    """Sequences at once, for tasks of this kind; None when memory never ran out."""
    known = _read().get(_key(plan, kind))
    return None if known is None else max(1, int(known))


def memory_share(plan: ModelPlan) -> float:
    """The part of the memory to plan for, where the engine sizes its batches by itself; 1 when it never ran out."""
    known = _read().get(_key(plan, _SHARE), 1.0)
    return known if 0 < known <= 1 else 1.0


def store_batch_size(plan: ModelPlan, kind: str, size: int) -> None:
    _store(_key(plan, kind), size)


def store_memory_share(plan: ModelPlan, share: float) -> None:
    _store(_key(plan, _SHARE), share)


def _file() -> Path:
    return user_state_path("benchtui") / "batch-sizes.json"


def _key(plan: ModelPlan, kind: str) -> str:
    return f"{plan.source.identity}|{engine_of(plan.backend_settings)}|{plan.device}|{plan.prompts.dtype}|{kind}"


def _read() -> dict[str, float]:
    try:
        return msgspec.json.decode(_file().read_bytes(), type=dict[str, float])
    except (OSError, msgspec.MsgspecError):
        return {}  # nothing remembered: the size is found out again, which is all this saves


def _store(key: str, value: float) -> None:
    """Forgets the oldest beyond KEPT. A state folder that cannot be written is left alone."""
    known = _read()
    known.pop(key, None)
    known[key] = value
    newest = dict(list(known.items())[-KEPT:])
    try:
        write_atomic(_file(), msgspec.json.encode(newest))
    except OSError:
        return
