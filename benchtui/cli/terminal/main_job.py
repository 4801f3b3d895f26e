"""The main job on a terminal: prose on stderr, the comparison (or the events as JSON) on stdout, Ctrl+C stops."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from benchtui.cli.terminal.detach import announce_launch
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.records import Leaderboard
    from benchtui.compare.summary import Summary
    from benchtui.displays.display import Display
    from benchtui.plans.choice import Choice
    from benchtui.runs.directory import RunDirectory
    from benchtui.supervise.control import Control


def run_on_terminal(choice: Choice, shown: Callable[[Summary], None] | None = None) -> int:
    """Benchmark what was chosen and show it here; returns the exit code. `shown` as in a Terminal."""
    from benchtui.benchmark.run import run_choice
    from benchtui.supervise.control import Control, say_on_stderr

    with Control(say_on_stderr) as control:
        return run_choice(choice, Terminal(as_json=choice.json, resume=choice.resume, shown=shown), control)


@dataclass(frozen=True)
class SharedView:
    """One display of several models, and the tables that are shown when it has ended."""

    display: Display
    tables: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True)
class Terminal:
    """The terminal as a Frontend. `resume` None asks about unfinished runs; `model`, if any, begins every line;
    `shown` is told what is shown; `shared` is the view of several models at once."""

    as_json: bool = False
    resume: bool | None = None
    model: str = ""
    shown: Callable[[Summary], None] | None = None
    shared: SharedView | None = None

    def about(self, model: str) -> Terminal:
        return replace(self, model=model)

    def say(self, text: str) -> None:
        if self.shared is not None:
            self.shared.display.note(f"{self.model}: {text}" if self.model else text)
            return
        with _reader_may_be_gone():
            click.echo(printable(f"{self.model}: {text}" if self.model else text), err=True)

    def show(self, summary: Summary) -> None:
        if self.shared is not None:  # a table between the lines of others could not be read
            alone = replace(self, shared=None)
            self.shared.tables.append(lambda: alone.show(summary))
            return
        self._print(summary)
        if self.shown is not None:
            self.shown(summary)

    def show_all(self, board: Leaderboard) -> None:
        if self.as_json:
            return
        from benchtui.reports.leaderboard.tables import print_leaderboard
        from benchtui.reports.stdout import stdout_console

        with _reader_may_be_gone():
            print_leaderboard(board, stdout_console(elsewhere=10_000))

    def _print(self, summary: Summary) -> None:
        if self.as_json:
            return
        from benchtui.reports.tables import print_summary

        with _reader_may_be_gone():
            if self.model:
                click.echo(one_line(self.model))
            print_summary(summary)

    def reading_tasks(self, done: int, total: int) -> None:
        """Silent as long as nothing is read."""
        if sys.stderr.isatty():
            end = "\r\033[K" if done == total else ""
            text = "" if done == total else f"\rReading lm-eval's tasks, once per version: {done:,} of {total:,}"
            click.echo(text + end, err=True, nl=False)
        elif done == 0:
            click.echo(f"Reading lm-eval's {total:,} task files, once per version.", err=True)

    @contextmanager
    def together(self, control: Control) -> Iterator[Terminal]:
        """Show several models in one view; their tables follow at its end."""
        from benchtui.displays.display import open_display
        from benchtui.supervise.control import say_on_stderr

        display = open_display((), "json" if self.as_json else "auto")
        view = SharedView(display)
        control.say = display.note
        display.start()
        try:
            yield replace(self, shared=view, resume=self.resume is not False)
        finally:
            display.stop()
            control.say = say_on_stderr
            for table in view.tables:
                table()

    @contextmanager
    def _watch_beside(self, view: SharedView, runs: Sequence[RunDirectory]) -> Iterator[Callable[[], None]]:
        def tick() -> None:
            announce_launch(tuple(runs))
            view.display.refresh()

        view.display.add(runs, self.model)
        try:
            yield tick
        finally:
            view.display.remove(runs)

    @contextmanager
    def watch(self, runs: Sequence[RunDirectory], control: Control) -> Iterator[Callable[[], None]]:
        if self.shared is not None:
            with self._watch_beside(self.shared, runs) as shared_tick:
                yield shared_tick
            return
        from benchtui.displays.display import open_display
        from benchtui.supervise.control import say_on_stderr

        display = open_display(runs, "json" if self.as_json else "auto", title=self.model)

        def tick() -> None:
            announce_launch(tuple(runs))
            display.refresh()

        control.say = display.note
        display.start()
        try:
            yield tick
        finally:
            display.stop()
            control.say = say_on_stderr

    def may_resume(self, run: RunDirectory) -> bool:
        """Answer as the flag says, else ask on a terminal, else say yes."""
        if self.resume is not None:
            return self.resume
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return True
        from benchtui.runs.journal.shards import answered_in
        from benchtui.runs.kinds.benchmark.kind import BENCHMARK
        from benchtui.runs.kinds.registry import read_kind

        kind, plan = read_kind(run)
        which = "the base model" if kind.about(plan).role == "base" else one_line(plan.model_name, 100)
        answers = f" holds {answered_in(run)} answers" if kind.name == BENCHMARK.name else ""
        question = f"An unfinished run of {which} from {plan.created[:16]}{answers or ' is there'}. Go on with it?"
        return click.confirm(question, default=True, err=True)


@contextmanager
def _reader_may_be_gone() -> Iterator[None]:
    """Ignore that the terminal closed or that the reader of a pipe left: the results on disk matter more than the
    messages."""
    try:
        yield
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
