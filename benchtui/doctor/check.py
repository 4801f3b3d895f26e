"""The record of one finding about this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "absent", "warning", "problem"]
"""What is absent is missed only by those who ask for it; a warning limits what can be done; a problem keeps benchmarks
from running."""


@dataclass(frozen=True)
class Check:
    """`message` is one line on what was found; `next_step` what to type about it, "" when nothing needs to be done."""

    name: str
    status: Status
    message: str
    next_step: str = ""
