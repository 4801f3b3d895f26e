"""Two models that answered as one: their folder holds no model, but runs, which Home shows among the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from benchtui.compare.headlines import LastBenchmark, last_benchmark
from benchtui.models.discovery import discover_pairs
from benchtui.reports.wording.two_models import models_words
from benchtui.results.routing import planned
from benchtui.runs.known import begun, model_runs
from benchtui.text import one_line
from screens.home.preview import last_lines
from screens.result_text import ago, result_text
from screens.themes import Colours


@dataclass(frozen=True)
class Pair:
    """`how` says which models they are, and by what strategy they answered last."""

    path: Path
    last: LastBenchmark | None
    how: str
    runs: int

    @property
    def name(self) -> str:
        return self.path.name


def read_pairs(outputs: Path) -> list[Pair]:
    """Find all pairs in `outputs`. Raises UsageError where that is no folder."""
    return [_read(found.path) for found in discover_pairs(outputs)]


def _read(folder: Path) -> Pair:
    runs = [known.run for known in model_runs(folder) if not known.problem]
    plans = (run.readable_plan() for run in sorted(runs, key=begun, reverse=True))
    routed = next((routing for plan in plans if plan is not None and (routing := planned(plan)) is not None), None)
    return Pair(folder, last_benchmark(folder), models_words(routed) if routed else "", len(runs))


def pair_cells(pair: Pair, colours: Colours, now: float) -> Sequence[Text]:
    """Its line in the list."""
    result = result_text(pair.last, colours) if pair.last else Text(_runs(pair), style=colours.muted)
    when = Text(ago(pair.last.when.timestamp(), now) if pair.last and pair.last.when else "", style=colours.muted)
    return Text.assemble(("+ ", colours.muted), one_line(pair.name, 100)), Text("two models"), result, when


def pair_preview(pair: Pair, colours: Colours, now: float) -> RenderableType:
    """What is known of it, in lines."""
    lines = [Text(one_line(pair.name, 200), style="bold"), Text(one_line(pair.how, 300))]
    lines.append(Text(f"{_runs(pair)}: h lists them, sweeps over thresholds too.", style=colours.muted))
    return Group(*lines, *(last_lines(pair.last, colours, now) if pair.last else ()))


def _runs(pair: Pair) -> str:
    return f"{pair.runs:,} run{'s' if pair.runs != 1 else ''}"
