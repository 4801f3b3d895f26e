"""What is written and told once the runs of a benchmark have ended, to a frontend that is no terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.benchmark.conclude import conclude
from benchtui.benchmark.directories import BenchRuns
from benchtui.benchmark.evaluate import BenchOutcome
from benchtui.compare.summary import Summary
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord, Status
from benchtui.supervise.control import Control
from tests.cli.results_commands import write_model


@dataclass
class Notebook:
    """A frontend that keeps what it is given."""

    said: list[str] = field(default_factory=list)
    shown: list[Summary] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def show(self, summary: Summary) -> None:
        self.shown.append(summary)

    def reading_tasks(self, done: int, total: int) -> None:
        self.said.append(f"{done} of {total}")

    @contextmanager
    def watch(self, runs: Sequence[RunDirectory], control: Control) -> Iterator[Callable[[], None]]:
        yield lambda: None

    def may_resume(self, run: RunDirectory) -> bool:
        return True

    def about(self, model: str) -> Notebook:
        return self


def ended(model: Path, run: str, status: Status, message: str = "") -> BenchOutcome:
    base, fine_tuned = RunDirectory(model / "benchmarks" / "base"), RunDirectory(model / "benchmarks" / run)
    return BenchOutcome(
        BenchRuns(fine_tuned, base, reused=True), {fine_tuned.path: DoneRecord(status, message, time.time())}
    )


def test_the_comparison_is_shown_once_and_written(tmp_path: Path) -> None:
    model, notebook = write_model(tmp_path, "tuned", fixed=60, broken=4), Notebook()
    conclude(model, ended(model, "fine-tuned/2026-11-20T10-30-15", "finished"), notebook, readme=False)
    (shown,) = notebook.shown
    written = json.loads((model / "benchmarks" / "benchmark.json").read_text())
    assert shown.path == model / "benchmarks" / "benchmark.json"
    assert {"ifeval", "gsm8k"} <= set(json.dumps(written).replace('"', " ").split())
    assert notebook.said == []


def test_a_run_without_results_is_told_and_nothing_is_shown(tmp_path: Path) -> None:
    model, notebook = write_model(tmp_path, "tuned", fixed=60, broken=4), Notebook()
    outcome = ended(model, "fine-tuned/2026-11-21T00-00-00", "failed", "Memory ran out.")
    conclude(model, outcome, notebook, readme=True)
    assert notebook.said == [f"{outcome.runs.fine_tuned.path}: failed. Memory ran out."]
    assert notebook.shown == []
    assert not (model / "benchmarks" / "benchmark.json").exists()
