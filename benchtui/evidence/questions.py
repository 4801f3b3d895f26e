"""The questions that a comparison will be asked, so that a run stops only once it can answer them. Settings name these,
so this file imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Question = Literal["sign", "loss", "equivalence"]
QUESTIONS: tuple[Question, ...] = get_args(Question)


@dataclass(frozen=True)
class Asked:
    """The questions that must be answered, on the score's scale (0..1).

    "sign": is the second run better or worse, or (with `delta`) is the difference within +-delta, so that it does not
    matter which? "loss": has it lost more than `max_loss`, or surely not? "equivalence": is the difference within
    +-delta, or surely not? `delta` None: no difference is too small to matter.
    """

    questions: tuple[Question, ...] = ("sign",)
    delta: float | None = None
    max_loss: float = 0.0
    higher_is_better: bool = True

    @property
    def loss_limit(self) -> float:
        """Return the difference at which the loss is as large as it may be."""
        return -self.max_loss if self.higher_is_better else self.max_loss
