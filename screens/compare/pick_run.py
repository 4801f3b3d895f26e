"""Choosing a run among all that left results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import KnownRun, begun, known_runs
from benchtui.runs.result_files import has_results
from benchtui.text import one_line, printable
from screens.background import in_background
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows


class PickRun(ModalScreen[RunDirectory | None]):
    """None when nothing was chosen."""

    HELP = "Every run that left results, newest first. Enter takes one."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Never mind")]

    def __init__(self, outputs: Path, question: str) -> None:
        super().__init__(classes="dialog")
        self._outputs, self._question = outputs, question
        self._runs: list[KnownRun] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(Content(printable(self._question, 200)), classes="question")
            yield Rows([Column("", 20, grow=1)], header=False, id="runs", empty="Looking …")

    def on_mount(self) -> None:
        rows = self.query_one(Rows)
        rows.styles.height = 12
        rows.focus()
        outputs = self._outputs
        in_background(self, lambda: _with_results(outputs), self._take, self._failed, group="runs")

    def _take(self, runs: list[KnownRun]) -> None:
        self._runs = runs
        rows = self.query_one(Rows)
        rows.empty = "No run has left results yet."
        rows.show(len(runs), self._cells)

    def _failed(self, what: str, next_step: str) -> None:
        rows = self.query_one(Rows)
        rows.empty = one_line(f"{what} {next_step}", 200)
        rows.show(0, self._cells)

    def _cells(self, index: int) -> Sequence[Text]:
        return (Text(one_line(self._runs[index].name, 120)),)

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        message.stop()
        self.dismiss(self._runs[message.index].run)

    def action_leave(self) -> None:
        self.dismiss(None)


def _with_results(outputs: Path) -> list[KnownRun]:
    found = [known for known in known_runs(outputs) if not known.problem and has_results(known.run)]
    return sorted(found, key=lambda known: (begun(known.run), known.name), reverse=True)
