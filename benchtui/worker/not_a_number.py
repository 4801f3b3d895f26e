"""The error of a model that computes NaN. It imports nothing heavy."""

from __future__ import annotations

from typing import Any

from benchtui.errors import BenchtuiError


class NotANumberError(BenchtuiError):
    """The model computed NaN or infinity. `request` holds the arguments of the request, None where it is one of the
    batch in hand."""

    def __init__(self, where: str = "", request: tuple[Any, ...] | None = None) -> None:
        super().__init__(
            f"Stopped: the model computes NaN{f' (first at {where})' if where else ''}.",
            "Its training diverged, or its numbers do not fit the precision: try --dtype float32, "
            "or an earlier checkpoint.",
        )
        self.located = bool(where)
        self.request = request
