"""What the main job needs of whoever started it: a terminal, a notebook, a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from benchtui.runs.directory import RunDirectory
from benchtui.supervise.control import Control

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.records import Leaderboard
    from benchtui.compare.summary import Summary


class Frontend(Protocol):
    """Tell and show what the main job does, and answer its one question.

    Nothing here may raise because the reader has gone: the results on disk matter more than the messages about
    them.
    """

    def say(self, text: str) -> None:
        """Tell one line of prose."""

    def show(self, summary: Summary) -> None:
        """Show the scores and the comparison of a model."""

    def show_all(self, board: Leaderboard) -> None:
        """Show several models beside each other, when all have been evaluated."""

    def reading_tasks(self, done: int, total: int) -> None:
        """Show how far the reading of lm-eval's task files is."""

    def watch(self, runs: Sequence[RunDirectory], control: Control) -> AbstractContextManager[Callable[[], None]]:
        """Show `runs` while they go on; what is yielded is called about twenty times a second."""

    def may_resume(self, run: RunDirectory) -> bool:
        """Answer whether an unfinished run is resumed, instead of starting a new one."""

    def together(self, control: Control) -> AbstractContextManager[Frontend]:
        """Return, for as long as it is open, a frontend for several models that are watched at the same time: it is
        called from one thread, and asks nothing."""

    def about(self, model: str) -> Frontend:
        """Return the same frontend, with `model` named in what it tells: several models are evaluated in turn."""
