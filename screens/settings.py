"""What the application was started with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.plans.choice import Choice


@dataclass(frozen=True)
class Settings:
    """`choice` pre-fills the wizard; `typed` when flags were given, so that the wizard is what is wanted. `clock`
    gives seconds since the epoch. `refresh` is how often running runs are looked at, in seconds."""

    choice: Choice = field(default_factory=lambda: Choice(outputs=Path("outputs")))
    typed: bool = False
    clock: Callable[[], float] = time.time
    refresh: float = 0.1

    @property
    def outputs(self) -> Path:
        return self.choice.outputs
