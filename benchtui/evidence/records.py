"""The records that all statistics share: intervals, flips and the levels of error."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ALPHA = 0.05
POWER = 0.80

EARLY_ALPHA, FINAL_ALPHA = 0.04, 0.01
"""How the 5 % error of a run with early stopping is spent: stopping early may be wrong in four runs of a hundred, and a
run that reached its end undecided is judged at 1 %. Judging it at 5 % again would make up to eight errors in a hundred.
"""

PRICE_OF_LOOKS = ALPHA / FINAL_ALPHA
"""The p-values of a run with early stopping times this, at most 1, are compared with 5 % like those of other runs."""


class Interval(msgspec.Struct, frozen=True):
    """An interval on the score's own scale, both ends included."""

    low: float
    high: float

    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def mirrored(self) -> Interval:
        """The interval of the opposite difference."""
        return Interval(-self.high, -self.low)


class Flips(msgspec.Struct, frozen=True):
    """How many samples changed side between the first run and the second, where a score of 1 is right and 0 wrong."""

    fixed: int
    broken: int
    both_right: int
    both_wrong: int

    def mirrored(self) -> Flips:
        """The same where 0 is right."""
        return Flips(self.broken, self.fixed, self.both_wrong, self.both_right)
