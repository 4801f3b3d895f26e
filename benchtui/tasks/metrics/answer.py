"""What a metric scores: a written answer with its references, or how likely a text was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Value = float | tuple[float, ...]
"""A metric of one document: a number, or the summands that a score of the whole corpus is made from."""

Options = Mapping[str, Any]
"""The parameters of a metric by name, each with its own type."""


@dataclass(frozen=True)
class Answer:
    """A written answer and what it is held against.

    Any of `references` is right. `choices` with their `letters` and `gold`, the place of the right one from 0, are
    those of a question with choices. `extras` holds what belongs to one document alone: a pattern, a JSON schema, and
    under `row` the row of the data file.
    """

    text: str
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    gold: int | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Likelihood:
    """How likely a text was: `nats` is its log-probability (0 or less), `text` the text that was scored, `greedy`
    whether the model would have written it by itself."""

    nats: float
    text: str
    greedy: bool = False

    @property
    def bytes(self) -> int:
        """The length of the text in UTF-8."""
        return len(self.text.encode("utf-8", "surrogatepass"))
