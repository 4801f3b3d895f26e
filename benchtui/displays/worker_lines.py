"""The workers of a run that has several, a line each, below its tasks."""

from __future__ import annotations

from rich.text import Text

from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.workers import (
    hidden_words,
    worker_doing,
    worker_glyph,
    worker_name,
    worker_parts,
    worker_style,
)
from benchtui.runs.follow.view import RunView
from benchtui.text import one_line

DOING = 40


def worker_lines(view: RunView, glyphs: Glyphs) -> list[Text]:
    """Return a line for each worker worth showing, in aligned columns; none for a run with one worker, or when all it
    answers is answered."""
    workers = view.workers
    if workers is None or view.state != "running" or view.results is not None:
        return []
    cells = [
        (worker_name(worker, workers.total), one_line(worker_doing(worker), DOING), *worker_parts(worker))
        for worker in workers.shown
    ]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(4)]
    lines = []
    for worker, (name, doing, done, rate, more) in zip(workers.shown, cells, strict=True):
        line = Text.assemble("  ", (worker_glyph(worker, glyphs), worker_style(worker)), f" {name:<{widths[0]}}  ")
        line.append(f"{doing:<{widths[1]}}", style="dim" if worker.doing == "waiting" else "")
        line.append(f"  {done:>{widths[2]}}  {rate:>{widths[3]}}  {more}", style="dim")
        lines.append(line)
    if more := hidden_words(workers):
        lines.append(Text(f"    {glyphs.more} {more}", style="dim"))
    return lines
