"""A script or a notebook as the frontend of a benchmark."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.records import Leaderboard
    from benchtui.compare.summary import Summary
    from benchtui.runs.directory import RunDirectory
    from benchtui.supervise.control import Control


def on_stderr(text: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(f"{text}\n")


class _LineStream(io.TextIOBase):
    """Hand each written line to `say`. It has no file descriptor: what a notebook's stderr has is not the notebook."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self._say(line)
        return len(text)


@dataclasses.dataclass(frozen=True)
class ScriptFrontend:
    """A script or a notebook as the Frontend of a benchmark."""

    to: Callable[[str], None]
    resume: bool
    model: str = ""

    def say(self, text: str) -> None:
        self.to(f"{self.model}: {text}" if self.model else text)

    def show(self, summary: Summary) -> None:
        """Show nothing: whoever called reads the results."""

    def show_all(self, board: Leaderboard) -> None:
        """Show nothing, as above."""

    def reading_tasks(self, done: int, total: int) -> None:
        if done == 0:
            self.say(f"Reading lm-eval's {total:,} task files, once per version.")

    @contextmanager
    def watch(self, runs: Sequence[RunDirectory], control: Control) -> Iterator[Callable[[], None]]:
        from benchtui.displays.display import open_display

        stream = cast("TextIO", _LineStream(self.to))
        display = open_display(runs, "plain", title=self.model, stderr=stream)
        control.say = display.note
        display.start()
        try:
            yield display.refresh
        finally:
            display.stop()
            control.say = self.say

    @contextmanager
    def together(self, control: Control) -> Iterator[ScriptFrontend]:  # noqa: ARG002 - each watch says it
        yield self

    def may_resume(self, run: RunDirectory) -> bool:  # noqa: ARG002 - one answer for all runs
        return self.resume

    def about(self, model: str) -> ScriptFrontend:
        return dataclasses.replace(self, model=model)
