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
SCORED = """
if score_only:
    with Journal(run.journal) as journal:
        found, given_up = journal.count(), len(journal.skipped())
    say(run, Progress(task="arc", documents=found, documents_total=10, requests=found, requests_total=10))
    results(run, partial=found < 10)
    sys.exit(0)


def known(run):
    found = set()
    if run.journal.exists():  # read only: several workers would lock one another out
        with Journal(run.journal, read_only=True) as whole:
            found |= {key.doc_id for key in whole.answers("arc")}
    with Journal(files(run).journal) as part:
        return found | {key.doc_id for key in part.answers("arc")} | {doc for _, doc in part.skipped()}


def all_done(run):
    with Journal(files(run).journal) as journal:
        share_done(run, partial=bool(journal.skipped()))


"""
"""A worker with --score scores all that is in the run's journal."""

UNION = f"""{SCORED}
own = list(range(10))[shard::shards]


def answer_share(run):
    plan(run)
    for doc in own:
        if doc not in known(run):
            answer(run, doc)
    all_done(run)


"""
"""A worker that takes no chunks: it answers every n-th of ten documents, so that a test knows which."""

CHUNKED = f"""{SCORED}
def answer_chunks(run, each=lambda doc: None, documents=10, look=0):
    plan(run)
    for chunk in given(run, documents, look):
        for doc in range(chunk.start, chunk.stop):
            if doc not in known(run):
                each(doc)
                answer(run, doc)
        chunk_done(run, chunk)
    all_done(run)


"""
"""A worker that answers the chunks that it is given, as a real one does; `each` is called before each document."""

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
