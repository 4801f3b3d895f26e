"""A cell of the calibration table: what is claimed, what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Cell:
    """A rate that is claimed to be "at most" (an error) or "at least" (a coverage) `claimed`, in 0..1.

    `replicas` 0: enumerated, without simulation error.
    """

    name: str
    claimed: float
    measured: float
    replicas: int
    kind: Literal["at most", "at least"] = "at most"

    @property
    def tolerance(self) -> float:
        """What simulation alone would hardly exceed (2.6 standard errors)."""
        return 2.6 * float(np.sqrt(self.claimed * (1 - self.claimed) / self.replicas)) if self.replicas else 0.0

    @property
    def kept(self) -> bool:
        if self.kind == "at most":
            return self.measured <= self.claimed + self.tolerance
        return self.measured >= self.claimed - self.tolerance
