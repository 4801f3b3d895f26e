"""The workers of a run that has several: a row for each, or for those of many that are worth it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from benchtui.displays.frame import current_view
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.reports.wording.states import rate_words
from benchtui.reports.wording.workers import (
    again_words,
    hidden_words,
    worker_doing,
    worker_glyph,
    worker_name,
)
from benchtui.runs.follow.view import RunView, WorkersView
from benchtui.runs.workers import LOST, WorkerNow
from screens.themes import Colours, colours
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows


class WorkerRows(Rows):
    HELP = (
        "One row for each worker: what it does now, how many samples it has answered and how fast, and how often it "
        "was started. One that dies or shows no sign of life is replaced, and what it had not answered is asked again. "
        "Of many workers those are shown that failed, are silent, were replaced, or are the slowest."
    )


class Workers(Vertical):
    """Nothing of a run that one worker evaluates."""

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._workers: WorkersView | None = None

    def compose(self) -> ComposeResult:
        yield Plain(id="workers-line")
        yield WorkerRows(
            [
                Column("Worker", 15),
                Column("Doing", 28, grow=3),
                Column("Samples", 8, right=True),
                Column("Rate", 8, right=True, drop=1),
                Column("Started", 7, drop=2),
                Column("On", 6, grow=1, drop=3),
            ],
            id="worker-rows",
        )

    def follow(self, view: RunView) -> None:
        """Draw the workers of a run."""
        if view.workers is None:
            return
        self._workers = view.workers
        line, hidden = self.query_one("#workers-line", Plain), hidden_words(view.workers)
        line.display = bool(hidden)
        line.show(f"{len(view.workers.shown)} that failed, are silent, were replaced or are the slowest, {hidden}")
        self.query_one(WorkerRows).show(len(view.workers.shown), self._cells)

    def _cells(self, index: int) -> Sequence[Text]:
        if self._workers is None or index >= len(self._workers.shown):
            return ()
        worker, shades = self._workers.shown[index], colours(self.app)
        style = _style(worker, shades)
        return (
            Text.assemble((worker_glyph(worker, UNICODE), style), f" {worker_name(worker, self._workers.total)}"),
            Text(worker_doing(worker), style=style if worker.doing in LOST or worker.silent is not None else ""),
            Text(f"{worker.documents:,}", style=shades.muted),
            Text(rate_words(worker.rate) if worker.rate else "", style=shades.muted),
            Text(again_words(worker), style=shades.warning),
            Text(worker.where, style=shades.muted),
        )


def _style(worker: WorkerNow, shades: Colours) -> str:
    if worker.doing in LOST:
        return shades.loss
    if worker.silent is not None or worker.doing == "stopped":
        return shades.warning
    return {"waiting": shades.muted, "done": shades.gain}.get(worker.doing, shades.primary)


def with_workers(views: Sequence[RunView]) -> RunView | None:
    """Return the run that is evaluated now, or the last one, if it has several workers."""
    current = current_view(views)
    return next((view for view in (current, *reversed(views)) if view is not None and view.workers), None)
