"""The journals of a run with several workers: one in each shard's folder, until they are made the run's own."""

from __future__ import annotations

from benchtui.files import delete_run_file
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, answered_requests


def answered_in(run: RunDirectory) -> int:
    """How many answers a run holds, in whichever of its journals."""
    return sum(answered_requests(files.journal) for files in (run.files_of(), *run.shards()))


def gather_journals(run: RunDirectory) -> list[str]:
    """Move the answers in the journals of all shards into the run's own; what had to be salvaged, in words.

    Call it when no worker of the run is alive. One shard after the other is added in one transaction and its journal
    deleted after that, so that a supervisor that dies at any moment loses nothing: whoever opens the run next calls
    this again. Raises OSError and sqlite3.Error when something cannot be written (a full disk), JournalMismatchError
    for a journal that was made with other settings.
    """
    salvaged = []
    for shard in (*run.shards(), run.decider):  # the decider last: shards take back what was decided before
        if not shard.journal.is_file():
            continue
        with Journal(run.journal) as whole, Journal(shard.journal) as part:
            whole.add(part)
            salvaged += [found.salvaged for found in (whole, part) if found.salvaged]
        for tail in ("-wal", "-shm", ""):
            delete_run_file(shard.journal.with_name(shard.journal.name + tail))
    return salvaged
