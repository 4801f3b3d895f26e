"""Scripted workers that share a run, and what they leave in it."""

from __future__ import annotations

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.journal.journal import Journal
from benchtui.supervise.settings import SuperviseSettings
from tests.runs.scripted import said

TWO = SuperviseSettings(workers=2, grace=0.5)
THREE = SuperviseSettings(workers=3, grace=0.5)
IMPATIENT = SuperviseSettings(workers=2, timeout=8.0, grace=0.5)
UNION = """
if score_only:
    with Journal(run.journal) as journal:
        found, given_up = journal.count(), len(journal.skipped())
    say(run, Progress(task="arc", documents=found, documents_total=10, requests=found, requests_total=10))
    results(run, partial=found < 10)
    sys.exit(0)
own = list(range(10))[shard::shards]


def unanswered(run):
    known = set()
    if run.journal.exists():  # read only: several workers would lock one another out
        with Journal(run.journal, read_only=True) as whole:
            known |= {key.doc_id for key in whole.answers("arc")}
    with Journal(files(run).journal) as part:
        known |= {key.doc_id for key in part.answers("arc")} | {doc for _, doc in part.skipped()}
    return [doc for doc in own if doc not in known]


def answer_share(run):
    plan(run)
    for doc in unanswered(run):
        answer(run, doc)
    with Journal(files(run).journal) as journal:
        share_done(run, partial=bool(journal.skipped()))


"""
"""A worker that answers every n-th of ten documents, and scores all that is in the run's journal."""

STOPPABLE = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
plan(run); answer(run, own[0])
time.sleep(1000)
"""


def answered(run: RunDirectory) -> set[int]:
    with Journal(run.journal, read_only=True) as journal:
        return {key.doc_id for key in journal.answers("arc")}


def shard_said(run: RunDirectory, shard: int, kind: type) -> list[ev.Event]:
    return [event for event in read_events(run.files_of(shard).events) if isinstance(event, kind)]


def warnings(run: RunDirectory) -> list[str]:
    return [event.message for event in said(run, ev.Warned) if isinstance(event, ev.Warned)]
