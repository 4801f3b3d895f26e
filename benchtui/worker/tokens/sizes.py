"""How large the store of a run becomes: told before any model reads, and refused where it is more than was allowed."""

from __future__ import annotations

from benchtui.errors import BenchtuiError
from benchtui.models.layout import size_text
from benchtui.plans.tokens import TokensPlan
from benchtui.tokens.modes import Keep
from benchtui.tokens.records import TOP

_SCALARS = 4 * 4 + TOP * 8
_TELL_ALL = ("gguf", "ollama")
"""Backends that tell whole distributions and no hidden states."""
_PAIR = 5 * 4
_TABLE = 24
"""Bytes of a position in tokens.parquet for each model or pair, about: compression differs."""


def bytes_per_position(keep: Keep, *, state_bytes: int, vocabulary: int, top_k: int) -> int:
    """Return the bytes that a model's position takes: `state_bytes` are those of one hidden state."""
    more = {"hidden": state_bytes, "full": 2 * vocabulary, "topk": 8 * top_k, "scalars": 0}
    return _SCALARS + _TABLE + more[keep]


def guessed_bytes(plan: TokensPlan, number: int, opened: int, each: int, vocabulary: int) -> int:
    """Return the bytes that a position takes of a model that is not open yet, rather too few: as many as of the
    `opened` one (`each`) where one backend has both."""
    backend = plan.models[number].backend
    if backend == plan.models[opened].backend:
        return each
    keep = plan.keep
    if keep == "hidden":
        keep = "full" if backend in _TELL_ALL else "scalars"
    return bytes_per_position(keep, state_bytes=0, vocabulary=vocabulary, top_k=plan.top_k)


def pair_bytes(plan: TokensPlan) -> int:
    """Return the bytes that a position takes for all pairs of models."""
    return (_PAIR + _TABLE) * len(plan.pairs)


def check_size(total: int, positions: int, plan: TokensPlan) -> None:
    """Raise BenchtuiError where the store would be larger than the plan allows, naming the flags that lower it."""
    if total <= plan.largest:
        return
    less = {"hidden": "--keep topk or --keep scalars", "full": "--keep topk or --keep scalars"}
    keep = less.get(plan.keep, "--keep scalars" if plan.keep == "topk" else "")
    raise BenchtuiError(
        f"The store would take {size_text(total)} for {positions:,} positions: more than {size_text(plan.largest)}.",
        f"Keep less ({keep}), fewer texts (--limit N), or allow it: --largest {total}."
        if keep
        else f"Take fewer texts (--limit N), or allow it: --largest {total}.",
    )
