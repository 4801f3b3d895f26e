"""Worker processes whose every step is written in the test: real processes, real signals, no model."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.records import DoneRecord
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from tests.run_stories import make_run

QUICK = SuperviseSettings(timeout=1.0, grace=0.5)
SCORE = """
if score_only:
    results(run, partial=True)
    sys.exit(0)
"""

_PRELUDE = """\
#!{python}
import os, pathlib, signal, subprocess, sys, time
sys.path.insert(0, {root!r})
from benchtui.runs import events as ev
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress
from benchtui.runs.chunks import ChunkReader, WorkUnit
from benchtui.runs.directory import RunDirectory
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal.journal import Journal, RequestKey

arguments = sys.argv[4:]  # -P -m benchtui.worker
score_only = "--score" in arguments
share = float(arguments[arguments.index("--memory-share") + 1]) if "--memory-share" in arguments else 1.0
shard, shards = map(int, arguments[arguments.index("--shard") + 1].split("/")) if "--shard" in arguments else (None, 1)
runs = [RunDirectory(pathlib.Path(a)) for a in arguments if os.path.isdir(a)]
run = runs[0]
count = pathlib.Path({count!r} + ("" if shard is None else f"-{{shard}}"))
with count.open("a") as file:
    file.write("score " if score_only else "ask ")
attempt = count.read_text().count("ask")


def files(run):
    return run.files_of(shard)


def say(run, *events):
    writer = ev.EventWriter(files(run).events)
    for event in events:
        writer.emit(event)


def plan(run):
    say(run, Planned(tasks=[PlannedTask("arc", 10, 10, 0, "multiple_choice")]))


def answer(run, *doc_ids):
    with Journal(files(run).journal) as journal:
        journal.bind({{"fingerprint": "x"}})
        journal.record_all((RequestKey("arc", doc, 0), "d", "x") for doc in doc_ids)
    done = 1 if shard is None else answered(run)
    say(run, Progress(task="arc", documents=done, documents_total=10, requests=len(doc_ids), requests_total=10))


def answered(run):
    with Journal(files(run).journal) as journal:
        return journal.count()


def take(run, doc_id):
    InHandWriter(files(run).in_hand).take("arc", doc_id, "Which", "scoring its answer")


def given(run, documents=10, look=0):
    # the chunks that this worker is given, until no more come; the documents are one work unit
    say(run, ev.WorkUnits(units=[WorkUnit("arc", documents, look)], last=True))
    reader = ChunkReader(files(run).chunks)
    while True:
        chunks = reader.read()
        for chunk in chunks:
            reader.read()
            if chunk.unit in reader.dropped:
                chunk_done(run, chunk)
            else:
                yield chunk
        if not chunks and reader.ended:
            return
        time.sleep(0.01)


def chunk_done(run, chunk):
    say(run, ev.ChunkDone(number=chunk.number))


def share_done(run, partial=False):
    say(run, ev.ShareDone(partial=partial))


def results(run, partial=False):
    run.lm_eval.mkdir(exist_ok=True)
    (run.lm_eval / "results_x.json").write_text("{{}}")
    say(run, ev.Results(file="results_x.json", partial=partial))


"""


class Script:
    """Replaces the worker by `body`, a Python program that finds `run`, `runs`, `score_only`, `share`, `attempt` and
    says things with `say`, `plan`, `answer` and `results`; where several work, also `shard` of `shards`, `files`,
    `answered`, `take`, `given`, `chunk_done` and `share_done`. `attempt` counts the workers of one shard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._folder = folder
        self._python = sys.executable
        self._count = folder / "calls"

    def install(self, *body: str) -> None:
        root = str(Path(__file__).resolve().parents[2])
        prelude = _PRELUDE.format(python=self._python, root=root, count=str(self._count))
        script = self._folder / "worker.py"
        script.write_text(prelude + "\n".join(map(textwrap.dedent, body)))
        script.chmod(0o755)
        self._monkeypatch.setattr(sys, "executable", str(script))

    @property
    def calls(self) -> list[str]:
        """ "ask" and "score", in the order of the workers that were started for whole runs."""
        return _words(self._count)

    def calls_of(self, shard: int) -> list[str]:
        """The same for those that were started for one shard."""
        return _words(self._count.with_name(f"{self._count.name}-{shard}"))


def _words(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return Script(monkeypatch, tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})


def supervise(
    *runs: RunDirectory,
    settings: SuperviseSettings = QUICK,
    control: Control | None = None,
    tick: Callable[[], None] = lambda: None,
) -> list[DoneRecord]:
    return Supervisor(runs, settings, control or Control(), tick).supervise()


def said(run: RunDirectory, kind: type) -> list[ev.Event]:
    return [event for event in read_events(run.events) if isinstance(event, kind)]
