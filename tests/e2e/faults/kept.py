"""What a run kept, as a row of the table."""

from __future__ import annotations

from dataclasses import replace

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.shards import answered_in
from tests.e2e.faults.drive import Running, on_disk
from tests.e2e.faults.table import Row
from tests.e2e.faults.workshop import REQUESTS

ALL = sum(REQUESTS.values())


def answered_of(directory: RunDirectory) -> str:
    return f"{answered_in(directory)}/{ALL}"


def row(name: str, run: Running, directory: RunDirectory, code: int | str) -> Row:
    """As things are now; the resumed score is not known yet."""
    left = len(run.place.left())
    assert left == 0, f"{name}: {left} processes left"
    return Row(name, answered_of(directory), on_disk(directory), left, code, "")


def with_score(rows: list[Row], resumed: str) -> list[Row]:
    """One run struck several times has one score, at its end."""
    return [replace(found, resumed=found.resumed or resumed) for found in rows]
