"""What the application was started with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.plans.choice import Choice

if TYPE_CHECKING:
    from benchtui.chat.session import ChatSession

    Begin = Callable[[Callable[[str], None]], ChatSession]


@dataclass(frozen=True)
class OpenedChat:
    """A chat that is opened with the application: `begin` starts it, or opens one that is kept, and says meanwhile what
    it does; `labels` are what its models are called until then. `blind`: it is a vote."""

    begin: Begin
    labels: Sequence[str]
    blind: bool = False


@dataclass(frozen=True)
class Settings:
    """`choice` pre-fills the wizard; `typed` when flags were given, so that the wizard is what is wanted; `chat` is
    the one to open on, above Home. `clock` gives seconds since the epoch. `refresh` is how often running runs are
    looked at, in seconds."""

    choice: Choice = field(default_factory=lambda: Choice(outputs=Path("outputs")))
    typed: bool = False
    chat: OpenedChat | None = None
    clock: Callable[[], float] = time.time
    refresh: float = 0.1

    @property
    def outputs(self) -> Path:
        return self.choice.outputs
