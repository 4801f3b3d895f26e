"""A model whose answers go by a threshold that is measured on the first documents of each task."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from benchtui.routing.rules import Threshold
from benchtui.worker.answering.protocol import Answering


class Measuring(Answering, Protocol):
    """Asked like the model that it belongs to, it measures and answers nothing: what it gives is not to be kept."""

    @property
    def of(self) -> str:
        """What is measured, in words."""

    @property
    def values(self) -> int:
        """How many values were measured so far."""

    def forget(self) -> None:
        """Begin anew."""

    def threshold(self) -> Threshold:
        """Return the number that the threshold is. Raises BenchtuiError where nothing was measured."""


@runtime_checkable
class Settles(Protocol):
    """A model whose answers go by a threshold."""

    def measuring(self) -> Measuring | None:
        """Return what must measure before a task is asked; None where the threshold is a number, or there is none."""

    def settle(self, threshold: float) -> None:
        """Go by this number from now on. Raises BenchtuiError where it cannot be one."""
