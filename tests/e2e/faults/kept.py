"""How much of a run is in its journal."""

from __future__ import annotations

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal import answered_requests
from tests.e2e.faults.workshop import REQUESTS

ALL = sum(REQUESTS.values())


def answered_of(directory: RunDirectory) -> str:
    return f"{answered_requests(directory.journal)}/{ALL}"
