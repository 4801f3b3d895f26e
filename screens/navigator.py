"""What a screen may ask of the application around it: to go to another screen, to copy, to change colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchtui.plans.choice import Choice
    from benchtui.runs.directory import RunDirectory
    from screens.settings import Begin, Settings


class Navigator(Protocol):
    """The application as its screens know it: no screen imports another one to open it."""

    settings: Settings

    def open_wizard(self, choice: Choice) -> None:
        """Ask for a benchmark step by step, starting from `choice`."""

    def open_runs(self, runs: Sequence[RunDirectory]) -> None:
        """Watch runs that were started together."""

    def open_comparison(self, model: Path, run: RunDirectory | None = None) -> None:
        """Show the comparison of `run`, or of the run that counts for the model."""

    def open_tokens(self, run: Path, tab: str = "overview") -> None:
        """Show what a comparison by token found; go back to where it is shown already."""

    def open_sweep(self, run: Path) -> None:
        """Show what a sweep over thresholds found."""

    def open_chats(self, model: str | None = None) -> None:
        """Choose the models of a new chat, `model` among them, or a chat that is kept."""

    def open_chat(self, begin: Begin, labels: Sequence[str]) -> None:
        """Show a chat that `begin` starts or opens again, of models with these labels until then."""

    def open_vote(self, begin: Begin, labels: Sequence[str]) -> None:
        """Hold a blind vote in a chat that `begin` starts or opens again, of models with these labels."""

    def open_ended_vote(self, run: Path) -> None:
        """Show what a blind vote found."""

    def open_history(self, model: Path) -> None:
        """List what was ever benchmarked of a model."""

    def open_leaderboard(self) -> None:
        """Show all models beside each other."""

    def open_tasks(self) -> None:
        """Search lm-eval's tasks."""

    def go_home(self) -> None:
        """Close every screen above Home."""

    def places(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Yield name, description and action of each screen that can be opened from anywhere."""

    def use_theme(self, name: str) -> None:
        """Change the colours of the whole application."""

    def copy(self, text: str, what: str) -> None:
        """Put `text` into the clipboard and say that `what` was copied."""
