"""The worker of a run that counts words. A line is not counted twice: what is in the journal was counted before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchtui.files import write_run_file
from benchtui.plans.plan import read_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter, InFlight, InFlightDocument, Phase, Results
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.worker.process import WorkerProcess
from tests.kinds.words.kind import Counted, WordsPlan


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    for run in runs:
        _count(process, run, ask=True)


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    for run in runs:
        _count(process, run, ask=False)


def _count(process: WorkerProcess, run: RunDirectory, *, ask: bool) -> None:
    process.stop.interruptible = False  # a line is counted and kept, or not begun
    plan, events = read_plan(run.plan_file, WordsPlan), EventWriter(run.events)
    lines = Path(plan.text).read_text().splitlines()
    with Journal(run.journal) as journal:
        journal.bind({"fingerprint": plan.text})
        counted = {key.doc_id: int(answer) for key, (_, answer) in journal.answers("lines").items()}
        events.emit(Phase(name="evaluating"))
        for number, line in enumerate(lines):
            if number not in counted and ask and not process.stop.requested:
                events.emit(InFlight(task="lines", documents=[InFlightDocument(number, line)]))
                time.sleep(plan.seconds)
                counted[number] = len(line.split())
                journal.record(RequestKey("lines", number, 0), line, str(counted[number]))
            events.emit(Counted(lines=len(counted), lines_total=len(lines), words=sum(counted.values())))
    write_run_file(run.path / "words" / "words.json", msgspec.json.encode({"words": sum(counted.values())}))
    events.emit(Results(file="words.json", folder="words", partial=len(counted) < len(lines)))
    process.stop.check()
